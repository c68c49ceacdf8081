// Why: dialogs are the browser's own: it keeps the focus within, closes them with Escape and gives the focus back.

import { cloneElement, type ComponentChildren, type HTMLAttributes, type VNode } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { messageOf } from '../lib/api.ts';
import { t } from '../lib/words.ts';
import { Icon } from './icons.tsx';

interface DialogProps {
  readonly title: string;
  readonly wide?: boolean;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, wide = false, onClose, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div class="dialog-frame">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="quiet square" aria-label={t('close')} onClick={onClose}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface FormProps {
  readonly action: string;
  readonly danger?: boolean;
  readonly disabled?: boolean;
  /** Closes when it is done; what it throws is shown. */
  readonly onSubmit: () => Promise<void>;
  readonly onCancel?: () => void;
  readonly children: ComponentChildren;
}

/** A form that does one thing: while it is done nothing else can be asked for, and a refusal stands beside its button. */
export function Form({ action, danger = false, disabled = false, onSubmit, onCancel, children }: FormProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    setBusy(true);
    setProblem('');
    onSubmit()
      .catch((error: unknown) => setProblem(messageOf(error)))
      .finally(() => setBusy(false));
  };
  return (
    <form class="form" onSubmit={submit}>
      <div class="form-body">{children}</div>
      <p class="problem" role="alert">
        {problem}
      </p>
      <footer class="form-foot">
        {onCancel && (
          <button type="button" class="quiet" onClick={onCancel}>
            {t('cancel')}
          </button>
        )}
        <button type="submit" class={danger ? 'danger' : 'primary'} disabled={busy || disabled}>
          {busy ? t('working') : action}
        </button>
      </footer>
    </form>
  );
}

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  /** The control alone. */
  readonly children: VNode<HTMLAttributes<HTMLElement>>;
}

/** A control with its name, and what else is to be known of it: screen readers tell that after the name. */
export function Field({ label, hint = '', children }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label>
        <span class="field-label">{label}</span>
        {hint === '' ? children : cloneElement(children, { 'aria-describedby': id })}
      </label>
      {hint !== '' && (
        <span id={id} class="hint">
          {hint}
        </span>
      )}
    </div>
  );
}

interface ConfirmProps {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  readonly onClose: () => void;
  readonly onConfirm: () => Promise<void>;
}

/** Asks before what cannot be taken back. */
export const Confirm = ({ title, text, action, onClose, onConfirm }: ConfirmProps) => (
  <Dialog title={title} onClose={onClose}>
    <Form
      action={action}
      danger
      onCancel={onClose}
      onSubmit={async () => {
        await onConfirm();
        onClose();
      }}
    >
      <p>{text}</p>
    </Form>
  </Dialog>
);
