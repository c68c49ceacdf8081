// Why: a line chart is a hundred lines of SVG; the libraries that draw one bring a browser's document, or megabytes. Colours are
// of middle lightness and there is no background, so that it reads on light pages and on dark ones.

export interface Line {
  readonly label: string;
  /** Pairs of x and y. */
  readonly points: readonly (readonly [number, number])[];
  readonly color: string;
  /** For what is no measurement of its own, such as a bound. */
  readonly dashed?: boolean;
  /** A mark at each point, where there are few. */
  readonly marked?: boolean;
}

export interface Axis {
  /** With its unit. */
  readonly label: string;
  readonly from: number;
  readonly to: number;
  readonly step: number;
  readonly format?: (value: number) => string;
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

const WIDTH = 760;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 20;
const TOP = 86;
const BOTTOM = 52;
const INK = '#7d8590';
const LEGEND_CHARACTER = 6.9;
const SWATCH = 28;

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };
const escaped = (text: string): string => text.replaceAll(/[&<>]/g, (sign) => escapes[sign] as string);
const short = (value: number): string => String(Math.round(value * 10) / 10);

/** An axis from 0 to the next round step above `most`, in four to eight steps. */
export function axisTo(most: number, label: string, format?: Axis['format']): Axis {
  const rough = Math.max(most, 1e-9) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) as number) * power;
  const to = Math.max(1, Math.ceil(most / step)) * step;
  return { label, from: 0, to, step, ...(format === undefined ? {} : { format }) };
}

const ticksOf = ({ from, to, step }: Axis): number[] =>
  Array.from({ length: Math.floor((to - from) / step + 1e-9) + 1 }, (_, index) => from + index * step);

const text = (content: string, at: string): string => `<text ${at}>${escaped(content)}</text>`;
const stroke = ({ color, dashed = false }: Line, width: number): string =>
  `stroke="${color}" stroke-width="${width}"${dashed ? ' stroke-dasharray="5 4"' : ''}`;

/** The lines' names, in rows below the title. */
function legendOf(lines: readonly Line[]): string[] {
  let at = LEFT;
  let row = 0;
  return lines.flatMap((line) => {
    const width = SWATCH + line.label.length * LEGEND_CHARACTER;
    if (at > LEFT && at + width > WIDTH - RIGHT) [at, row] = [LEFT, row + 1];
    const [from, y] = [at, 46 + row * 19];
    at += width + 18;
    return [
      `<path d="M${short(from)} ${y}h${SWATCH - 6}" ${stroke(line, 2.5)}/>`,
      text(line.label, `x="${short(from + SWATCH)}" y="${y + 4}"`),
    ];
  });
}

/** Where values of an axis stand in the picture. */
type Scale = (value: number) => number;

function axesOf({ x, y }: Chart, across: Scale, up: Scale): string[] {
  const shown = ({ format = (value) => String(Number(value.toPrecision(6))) }: Axis, value: number) => format(value);
  const rows = ticksOf(y).flatMap((value) => [
    `<path d="M${LEFT} ${short(up(value))}H${WIDTH - RIGHT}" stroke="${INK}" stroke-opacity="${value === y.from ? 1 : 0.25}"/>`,
    text(shown(y, value), `x="${LEFT - 8}" y="${short(up(value) + 4)}" text-anchor="end"`),
  ]);
  const columns = ticksOf(x).flatMap((value) => [
    `<path d="M${short(across(value))} ${HEIGHT - BOTTOM}v5" stroke="${INK}"/>`,
    text(shown(x, value), `x="${short(across(value))}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle"`),
  ]);
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  return [
    ...rows,
    ...columns,
    text(x.label, `x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle"`),
    text(y.label, `transform="rotate(-90 14 ${middle})" x="14" y="${middle}" text-anchor="middle"`),
  ];
}

function drawn(line: Line, across: Scale, up: Scale): string[] {
  const places = line.points.map(([x, y]) => [short(across(x)), short(up(y))] as const);
  const path = places.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  const marks = line.marked ? places : [];
  return [
    `<path d="${path}" fill="none" ${stroke(line, 2)}/>`,
    ...marks.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3.5" fill="${line.color}"/>`),
  ];
}

/** The chart as an SVG document. */
export function svgOf(chart: Chart): string {
  const { title, x, y, lines } = chart;
  const across: Scale = (value) => LEFT + ((value - x.from) / (x.to - x.from)) * (WIDTH - LEFT - RIGHT);
  const up: Scale = (value) => HEIGHT - BOTTOM - ((value - y.from) / (y.to - y.from)) * (HEIGHT - TOP - BOTTOM);
  const root = `xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
  const font = `font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13" fill="${INK}"`;
  return [
    `<svg ${root} role="img" ${font}>`,
    `<title>${escaped(title)}</title>`,
    text(title, `x="${LEFT}" y="22" font-size="16" font-weight="600"`),
    ...legendOf(lines),
    ...axesOf(chart, across, up),
    ...lines.flatMap((line) => drawn(line, across, up)),
    '</svg>\n',
  ].join('\n');
}
