// Why: a slider of the browser's own, which keyboards and screen readers know, on a track that also shows what the guest has, what the
// host holds for it, and how far it could go.

import { useId } from 'preact/hooks';

interface SliderProps {
  readonly label: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly value: number;
  readonly current: number;
  readonly claimed: number;
  /** How far it could go now; null: not known. */
  readonly largest: number | null;
  readonly write: (value: number) => string;
  readonly onMove: (value: number) => void;
  /** A finger, a pen or a mouse let go; keys never do. */
  readonly onLetGo: () => void;
}

export function Slider(props: SliderProps) {
  const { label, min, max, step, value, current, claimed, largest, write, onMove, onLetGo } = props;
  const id = useId();
  const at = (amount: number): string => `${max === min ? 100 : ((amount - min) / (max - min)) * 100}%`;
  return (
    <div class="slider">
      <div class="slider-head">
        <label for={id}>{label}</label>
        <output for={id}>{write(value)}</output>
      </div>
      <div
        class="slider-track"
        style={{
          '--value': at(Math.min(max, value)),
          '--current': at(Math.min(max, current)),
          '--held': at(Math.min(max, claimed)),
          '--largest': largest === null ? '100%' : at(Math.max(min, Math.min(max, largest))),
        }}
      >
        <i class="slider-claimed" aria-hidden="true" />
        <i class="slider-current" aria-hidden="true" />
        {largest !== null && largest < max && <i class="slider-beyond" aria-hidden="true" />}
        <input
          id={id}
          type="range"
          min={min}
          max={max}
          step={step}
          value={value}
          disabled={min === max}
          aria-valuetext={write(value)}
          onInput={(event) => onMove(Number(event.currentTarget.value))}
          onPointerUp={onLetGo}
          onPointerCancel={onLetGo}
        />
      </div>
      <div class="slider-ends muted" aria-hidden="true">
        <span>{write(min)}</span>
        <span>{write(max)}</span>
      </div>
    </div>
  );
}
