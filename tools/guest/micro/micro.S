/*
 * A guest of under 2 KiB for what the Linux guest cannot show everywhere: a vCPU unplug that completes.
 * Some machines offer a KVM that cannot run an ordinary kernel, and QEMU without KVM never finishes an
 * unplug; this multiboot image runs under both, gives every CPU back when asked, and says so on COM1.
 *
 *   xloud-micro ready            it runs and listens
 *   xloud-micro cpu 2 in         CPU 2 was plugged; the event is acknowledged
 *   xloud-micro cpu 2 out        CPU 2 was asked back and is ejected
 *   xloud-micro power            the power button was pressed; the machine goes off
 *
 * Registers: QEMU's docs/specs/acpi_cpu_hotplug.rst and the fixed ACPI PM block. The block of the CPU
 * registers is at 0xaf00 on machine "pc" and at 0x0cd8 on "q35"; a missing one reads as all ones.
 */
        .code32

        .set    COM1, 0x3f8
        .set    PC_CPU_BASE, 0xaf00
        .set    Q35_CPU_BASE, 0x0cd8
        .set    PM_BASE, 0x600                  /* where SeaBIOS puts it on both machines */

        /* offsets in the CPU register block */
        .set    SELECTOR, 0                     /* write, 32 bit: the CPU that the other registers are about */
        .set    FLAGS, 4                        /* read: what is going on; write: acknowledge or do */
        .set    COMMAND, 5                      /* write */
        .set    DATA, 8                         /* read, 32 bit: the command's answer */

        .set    FLAG_INSERTED, 0x02
        .set    FLAG_REMOVE, 0x04
        .set    FLAG_EJECT, 0x08
        .set    NEXT_WITH_EVENT, 0              /* command: select the next CPU that has an event */

        .set    PM_STATUS, 0
        .set    PM_ENABLE, 2
        .set    PM_CONTROL, 4
        .set    POWER_BUTTON, 0x0100
        .set    SOFT_OFF, 0x2000                /* sleep enable, type 0: S5 in QEMU */

        .section .text
        .balign 4
        .long   0x1badb002, 0, -0x1badb002      /* multiboot: magic, no flags, checksum */

        .globl  _start
_start:
        cli
        mov     $stack_top, %esp

        /* PM events are kept only while enabled; no interrupt follows, since interrupts are off. */
        mov     $(PM_BASE + PM_ENABLE), %dx
        mov     $POWER_BUTTON, %ax
        outw    %ax, %dx

        /* Which machine is it? The first register write also leaves the legacy register layout. */
        mov     $PC_CPU_BASE, %ebp
        call    probe
        je      found
        mov     $Q35_CPU_BASE, %ebp
        call    probe
        je      found
        mov     $text_no_registers, %esi
        call    puts
        hlt

found:  mov     $text_ready, %esi
        call    puts

/* The loop: one event of a CPU, else a look at the power button, else a short rest. */
serve:
        lea     COMMAND(%ebp), %edx
        mov     $NEXT_WITH_EVENT, %al
        outb    %al, %dx
        lea     FLAGS(%ebp), %edx
        inb     %dx, %al
        test    $FLAG_INSERTED, %al
        jnz     inserted
        test    $FLAG_REMOVE, %al
        jnz     removing

        mov     $(PM_BASE + PM_STATUS), %dx
        inw     %dx, %ax
        test    $POWER_BUTTON, %ax
        jnz     power_off

        mov     $20000, %ecx
rest:   inb     $0x80, %al                      /* about a microsecond each */
        loop    rest
        jmp     serve

inserted:
        mov     $FLAG_INSERTED, %al
        outb    %al, %dx
        mov     $text_in, %edi
        jmp     say_cpu

removing:
        mov     $FLAG_REMOVE, %al
        outb    %al, %dx
        call    selected                        /* ask for its number while it is still there */
        push    %eax
        lea     FLAGS(%ebp), %edx
        mov     $FLAG_EJECT, %al
        outb    %al, %dx
        pop     %eax
        mov     $text_out, %edi
        jmp     say_number

say_cpu:
        call    selected
say_number:
        push    %eax
        mov     $text_cpu, %esi
        call    puts
        pop     %eax
        call    put_number
        mov     %edi, %esi
        call    puts
        jmp     serve

power_off:
        mov     $text_power, %esi
        call    puts
        mov     $(PM_BASE + PM_CONTROL), %dx
        mov     $SOFT_OFF, %ax
        outw    %ax, %dx
        hlt

/* probe: ebp = base of a register block; zero flag set if CPU 0 is there and enabled. */
probe:
        mov     %ebp, %edx
        xor     %eax, %eax
        outl    %eax, %dx
        lea     FLAGS(%ebp), %edx
        inb     %dx, %al
        and     $0xe1, %al                      /* enabled, and none of the reserved bits */
        cmp     $0x01, %al
        ret

/* selected: eax = number of the CPU that the selector stands on (the last command's answer). */
selected:
        lea     DATA(%ebp), %edx
        inl     %dx, %eax
        ret

/* put_number: eax, in decimal. */
put_number:
        mov     $10, %ecx
        xor     %edx, %edx
        div     %ecx
        push    %edx
        test    %eax, %eax
        jz      1f
        call    put_number
1:      pop     %eax
        add     $'0', %al
        /* falls through */
putc:
        push    %edx
        push    %eax
        mov     $(COM1 + 5), %dx
2:      inb     %dx, %al
        test    $0x20, %al                      /* room in the transmitter? */
        jz      2b
        pop     %eax
        mov     $COM1, %dx
        outb    %al, %dx
        pop     %edx
        ret

/* puts: esi = text, ended by a zero byte. */
puts:
        mov     (%esi), %al
        test    %al, %al
        jz      3f
        call    putc
        inc     %esi
        jmp     puts
3:      ret

text_ready:             .asciz  "xloud-micro ready\r\n"
text_cpu:               .asciz  "xloud-micro cpu "
text_in:                .asciz  " in\r\n"
text_out:               .asciz  " out\r\n"
text_power:             .asciz  "xloud-micro power\r\n"
text_no_registers:      .asciz  "xloud-micro no CPU registers\r\n"

        .balign 16
        .skip   256
stack_top:
