// Why: what may be done with a server is a menu at many places: opened and gone through with the keyboard, closed by Escape or elsewhere.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './icons.tsx';

export interface MenuItem {
  readonly label: string;
  readonly icon?: IconName;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  readonly run: () => void;
}

interface MenuProps {
  readonly label: string;
  readonly items: readonly MenuItem[];
  /** Words on the button; else three dots with `label` for who does not see them. */
  readonly text?: string;
}

const STEPS: Readonly<Record<string, (at: number, count: number) => number>> = {
  ArrowDown: (at, count) => (at + 1) % count,
  ArrowUp: (at, count) => (at - 1 + count) % count,
  Home: () => 0,
  End: (_at, count) => count - 1,
};

export function Menu({ label, items, text }: MenuProps) {
  const [open, setOpen] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const opener = useRef<HTMLButtonElement>(null);
  const buttons = (): HTMLButtonElement[] => [
    ...(frame.current?.querySelectorAll<HTMLButtonElement>('[role=menuitem]:not(:disabled)') ?? []),
  ];
  useLayoutEffect(() => {
    if (!open) return;
    buttons()[0]?.focus();
    const elsewhere = (event: Event): void => {
      if (!frame.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener('pointerdown', elsewhere);
    return () => removeEventListener('pointerdown', elsewhere);
  }, [open]);
  const onKey = (event: KeyboardEvent): void => {
    if (!open) return;
    if (event.key === 'Escape') {
      setOpen(false);
      opener.current?.focus();
      return;
    }
    const all = buttons();
    const step = STEPS[event.key];
    if (step === undefined || all.length === 0) return;
    event.preventDefault();
    all[step(all.indexOf(document.activeElement as HTMLButtonElement), all.length)]?.focus();
  };
  return (
    <div class="menu" ref={frame} onKeyDown={onKey}>
      <button
        ref={opener}
        type="button"
        class={text === undefined ? 'quiet square' : ''}
        aria-haspopup="menu"
        aria-expanded={open}
        {...(text === undefined ? { 'aria-label': label } : {})}
        onClick={() => setOpen(!open)}
      >
        {text ?? <Icon name="more" />}
      </button>
      {open && (
        <div class="menu-list" role="menu" aria-label={label}>
          {items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              class={item.danger ? 'menu-danger' : ''}
              disabled={item.disabled ?? false}
              onClick={() => {
                setOpen(false);
                opener.current?.focus();
                item.run();
              }}
            >
              {item.icon && <Icon name={item.icon} />}
              {item.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
