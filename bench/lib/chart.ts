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
const TOP = 78;
const BOTTOM = 52;
const INK = '#7d8590';
const LEGEND_CHARACTER = 6.9;

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

/** The chart as an SVG document. */
export function svgOf({ title, x, y, lines }: Chart): string {
  const across = (value: number) => LEFT + ((value - x.from) / (x.to - x.from)) * (WIDTH - LEFT - RIGHT);
  const up = (value: number) => HEIGHT - BOTTOM - ((value - y.from) / (y.to - y.from)) * (HEIGHT - TOP - BOTTOM);
  const text = (content: string, at: string) => `<text ${at}>${escaped(content)}</text>`;
  const shown = ({ format = (value) => String(Number(value.toPrecision(6))) }: Axis, value: number) => format(value);
  const parts: string[] = [text(title, `x="${LEFT}" y="24" font-size="16" font-weight="600"`)];

  let from = LEFT;
  for (const { label, color, dashed } of lines) {
    const dash = dashed ? ' stroke-dasharray="5 4"' : '';
    parts.push(`<path d="M${short(from)} 48h22" stroke="${color}" stroke-width="2.5"${dash}/>`);
    parts.push(text(label, `x="${short(from + 28)}" y="52"`));
    from += 28 + label.length * LEGEND_CHARACTER + 18;
  }
  for (const value of ticksOf(y)) {
    const at = short(up(value));
    parts.push(
      `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="${INK}" stroke-opacity="${value === y.from ? 1 : 0.25}"/>`,
    );
    parts.push(text(shown(y, value), `x="${LEFT - 8}" y="${short(up(value) + 4)}" text-anchor="end"`));
  }
  for (const value of ticksOf(x)) {
    const at = short(across(value));
    parts.push(`<path d="M${at} ${HEIGHT - BOTTOM}v5" stroke="${INK}"/>`);
    parts.push(text(shown(x, value), `x="${at}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle"`));
  }
  parts.push(text(x.label, `x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 10}" text-anchor="middle"`));
  const middle = (TOP + HEIGHT - BOTTOM) / 2;
  parts.push(text(y.label, `transform="rotate(-90 14 ${middle})" x="14" y="${middle}" text-anchor="middle"`));

  for (const { points, color, dashed, marked } of lines) {
    const path = points.map(([px, py], index) => `${index === 0 ? 'M' : 'L'}${short(across(px))} ${short(up(py))}`);
    const dash = dashed ? ' stroke-dasharray="5 4"' : '';
    parts.push(`<path d="${path.join('')}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`);
    if (!marked) continue;
    for (const [px, py] of points)
      parts.push(`<circle cx="${short(across(px))}" cy="${short(up(py))}" r="3.5" fill="${color}"/>`);
  }
  const root = `xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}"`;
  const font = `font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="13" fill="${INK}"`;
  return `<svg ${root} role="img" ${font}>\n<title>${escaped(title)}</title>\n${parts.join('\n')}\n</svg>\n`;
}
