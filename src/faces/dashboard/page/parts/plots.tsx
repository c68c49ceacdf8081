// Why: a line says at a glance what numbers say after reading; each has words for those who do not see it.

import { hour } from '../lib/format.ts';

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

interface SparkProps {
  readonly points: readonly number[];
  readonly most: number;
  readonly label: string;
}

/** A plot as small as a word. */
export function Spark({ points, most, label }: SparkProps) {
  if (points.length < 2) return <span class="spark-none" role="img" aria-label={label} />;
  const step = 96 / (points.length - 1);
  const y = (value: number): number => 23 - Math.min(1, value / most) * 22;
  const line = points.map((value, at) => `${(at * step).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  return (
    <svg class="spark" viewBox="0 0 96 24" preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon class="spark-area" points={`0,24 ${line} 96,24`} />
      <polyline class="spark-line" points={line} />
    </svg>
  );
}

interface PlotProps {
  readonly title: string;
  readonly label: string;
  /** What was used, and how large the server was: in one unit. */
  readonly use: readonly Point[];
  readonly size: readonly Point[];
  readonly ceiling: number;
  readonly write: (value: number) => string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly empty: string;
}

const WIDE = 640;
const HIGH = 180;
const FOOT = 22;
const TOP = 10;

/** Points that are further apart than this have nothing between them. */
const GAP_MS = 11 * 60_000;

function segments(points: readonly Point[]): Point[][] {
  const all: Point[][] = [];
  for (const point of points) {
    const last = all.at(-1);
    const before = last?.at(-1);
    if (last === undefined || before === undefined || point.atMs - before.atMs > GAP_MS) all.push([point]);
    else last.push(point);
  }
  return all;
}

const ticksOf = (fromMs: number, toMs: number): readonly number[] => {
  const count = 4;
  return Array.from({ length: count + 1 }, (_, at) => fromMs + ((toMs - fromMs) * at) / count);
};

/** Use against size over a time: when it touches the line it is time to grow, far below it to shrink. */
export function UsePlot({ title, label, use, size, ceiling, write, fromMs, toMs, empty }: PlotProps) {
  const most = Math.max(ceiling, ...use.map(({ value }) => value)) * 1.05;
  const x = (atMs: number): number => ((atMs - fromMs) / (toMs - fromMs)) * WIDE;
  const y = (value: number): number => TOP + (1 - value / most) * (HIGH - FOOT - TOP);
  const at = ({ atMs, value }: Point): string => `${x(atMs).toFixed(1)},${y(value).toFixed(1)}`;
  const last = (points: readonly Point[]): string => (points.length === 0 ? '–' : write(points.at(-1)?.value ?? 0));
  const floorY = HIGH - FOOT;
  const steps = segments(size).map((part) =>
    part.flatMap((point, index) => {
      const before = part[index - 1];
      return before === undefined ? [at(point)] : [at({ atMs: point.atMs, value: before.value }), at(point)];
    }),
  );
  return (
    <figure class="plot">
      <figcaption>
        <span>{title}</span>
        <span class="plot-key">
          <i class="key-use" /> {last(use)} <i class="key-size" /> {last(size)}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={label}>
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line class="grid" x1="0" x2={WIDE} y1={y(ceiling * share)} y2={y(ceiling * share)} />
            <text class="tick" x="4" y={y(ceiling * share) - 4}>
              {share === 0 ? '' : write(ceiling * share)}
            </text>
          </g>
        ))}
        {segments(use).map((part) => (
          <g key={part[0]?.atMs}>
            <polygon
              class="use-area"
              points={`${x(part[0]?.atMs ?? 0).toFixed(1)},${floorY} ${part.map(at).join(' ')} ${x(part.at(-1)?.atMs ?? 0).toFixed(1)},${floorY}`}
            />
            <polyline class="use-line" points={part.map(at).join(' ')} />
          </g>
        ))}
        {steps.map((part) => (
          <polyline key={part[0]} class="size-line" points={part.join(' ')} />
        ))}
        {ticksOf(fromMs, toMs).map((atMs, index, { length }) => (
          <text
            key={atMs}
            class="tick"
            x={x(atMs)}
            y={HIGH - 6}
            text-anchor={index === 0 ? 'start' : index === length - 1 ? 'end' : 'middle'}
          >
            {hour(new Date(atMs))}
          </text>
        ))}
        {use.length === 0 && (
          <text class="plot-empty" x={WIDE / 2} y={HIGH / 2 - 8} text-anchor="middle">
            {empty}
          </text>
        )}
      </svg>
    </figure>
  );
}
