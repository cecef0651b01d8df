/** What people see: aligned tables, colour on terminals only, and nothing that could steer their terminal. */
import { styleText } from 'node:util';

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

/** A cell of a table: text or a number, or text with a colour. Numbers stand to the right. */
export type Cell = string | number | { text: string; colour: Colour };

/** Colour only on a terminal that can show it, and never with NO_COLOR (no-color.org: set and not empty). */
export function hasColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== 'dumb';
}

/** Names made by others may hold anything; control characters are shown as `?`. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

/** Rows under heads, columns two spaces apart, no white space at the ends of lines. */
export function formatTable(heads: readonly string[], rows: readonly (readonly Cell[])[], colour: boolean): string {
  const texts = rows.map((row) => row.map(textOf));
  const widths = heads.map((head, column) => Math.max(head.length, ...texts.map((row) => row[column]?.length ?? 0)));
  const isNumber = heads.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (cells: readonly string[], colours: readonly (Colour | undefined)[]): string => {
    const padded = cells.map((cell, column) => {
      const space = ' '.repeat((widths[column] ?? 0) - cell.length);
      const isLast = column === cells.length - 1;
      const painted = paint(cell, colours[column], colour);
      return isNumber[column] ? space + painted : isLast ? painted : painted + space;
    });
    return padded.join('  ').trimEnd();
  };
  const header = line(
    heads,
    heads.map(() => 'bold'),
  );
  return [header, ...rows.map((row, index) => line(texts[index] ?? [], row.map(colourOf)))].join('\n');
}

/** Rows without heads, columns three spaces apart. */
export function formatColumns(rows: readonly (readonly string[])[]): string[] {
  const texts = rows.map((row) => row.map(printable));
  const widthOf = (column: number): number => Math.max(...texts.map((row) => row[column]?.length ?? 0));
  return texts.map((row) =>
    row
      .map((text, column) => text.padEnd(widthOf(column)))
      .join('   ')
      .trimEnd(),
  );
}

/** Names and values in two columns. */
export function formatFields(fields: readonly (readonly [string, Cell])[], colour: boolean): string {
  const width = Math.max(...fields.map(([name]) => name.length));
  const lines = fields.map(([name, cell]) => `${name.padEnd(width)}  ${paint(textOf(cell), colourOf(cell), colour)}`);
  return lines.map((line) => line.trimEnd()).join('\n');
}

function textOf(cell: Cell): string {
  if (typeof cell === 'number') return String(cell);
  return printable(typeof cell === 'string' ? cell : cell.text);
}

function colourOf(cell: Cell): Colour | undefined {
  return typeof cell === 'object' ? cell.colour : undefined;
}

function paint(text: string, style: Colour | undefined, colour: boolean): string {
  return colour && style && text !== '' ? styleText(style, text, { validateStream: false }) : text;
}
