// Why: people read figures and lists in columns, from the command and from the benches.

/** Rows as text in columns; those named (from 0) to the left, the others to the right. */
export function table(rows: readonly (readonly (string | number)[])[], left: readonly number[] = [0]): string {
  const text = rows.map((row) => row.map(String));
  const widths = (text[0] ?? []).map((_, column) => Math.max(...text.map((row) => (row[column] ?? '').length)));
  return text
    .map((row) =>
      row
        .map((cell, column) =>
          left.includes(column) ? cell.padEnd(widths[column] as number) : cell.padStart(widths[column] as number),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
