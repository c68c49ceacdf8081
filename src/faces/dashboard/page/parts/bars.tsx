// Why: how much of something is taken is a bar everywhere, and says its numbers to those who do not see it.

interface BarProps {
  readonly label: string;
  readonly share: number;
  /** `1 of 4 vCPUs` */
  readonly text: string;
  readonly hidden?: boolean;
}

const toneOf = (share: number): string => (share >= 0.95 ? 'bad' : share >= 0.8 ? 'warn' : 'ok');

/** A bar with its words above it. */
export const Bar = ({ label, share, text }: BarProps) => (
  <div class="bar">
    <div class="bar-words">
      <span>{label}</span>
      <span class="muted">{text}</span>
    </div>
    <div
      class="bar-track"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(Math.min(1, share) * 100)}
      aria-valuetext={text}
    >
      <div class={`bar-fill ${toneOf(share)}`} style={{ width: `${Math.min(100, share * 100)}%` }} />
    </div>
  </div>
);

interface SizeBarProps {
  readonly floor: number;
  readonly current: number;
  readonly ceiling: number;
  readonly text: string;
}

/** Where a server stands between floor and ceiling; a fixed size is a full bar. */
export const SizeBar = ({ floor, current, ceiling, text }: SizeBarProps) => (
  <div class="size-bar" role="img" aria-label={text} title={text}>
    <span class="size-bar-text">{text}</span>
    <span class="size-bar-track">
      <span class="size-bar-fill" style={{ width: `${(current / ceiling) * 100}%` }} />
      <span class="size-bar-floor" style={{ width: `${(floor / ceiling) * 100}%` }} />
    </span>
  </div>
);
