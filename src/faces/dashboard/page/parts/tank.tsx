// Why: a host is a box that fills: the least that its servers need, what they hold now, and what they could grow to; a line is what it has.

interface TankProps {
  readonly label: string;
  readonly floor: number;
  readonly claimed: number;
  readonly ceiling: number;
  /** What it really has, and what may be claimed of it. */
  readonly has: number;
  readonly allowed: number;
  readonly write: (amount: number) => string;
  readonly words: string;
}

export function Tank({ label, floor, claimed, ceiling, has, allowed, write, words }: TankProps) {
  const most = Math.max(allowed, has, 1);
  const at = (amount: number): string => `${Math.min(100, (amount / most) * 100)}%`;
  return (
    <div class="tank">
      <div class="tank-box" role="img" aria-label={words} title={words}>
        <i class="tank-ceiling" style={{ height: at(ceiling) }} />
        <i class="tank-claimed" style={{ height: at(claimed) }} />
        <i class="tank-floor" style={{ height: at(Math.min(floor, claimed)) }} />
        {has < most && <i class="tank-line" style={{ bottom: at(has) }} />}
        {ceiling > most && <i class="tank-over" />}
      </div>
      <b>{write(claimed)}</b>
      <small class="muted">
        {label} · {write(allowed)}
      </small>
    </div>
  );
}
