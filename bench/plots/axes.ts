/** The frame of a panel with two axes: ticks, grid, titles and units. */
import { line, text } from './svg.ts';
import { textWidth } from './theme.ts';

export interface Tick {
  /** In pixels from the left or from the top. */
  at: number;
  label: string;
}

export interface Axes {
  heading: string;
  width: number;
  height: number;
  x: readonly Tick[];
  y: readonly Tick[];
  xTitle: string;
  yTitle: string;
}

/** Above the panel: heading, and the title of the y axis. */
export const AXES_HEAD = 44;
/** Below it: labels and title of the x axis. */
export const AXES_FOOT = 46;

/** The origin is the panel's upper left corner. */
export function drawAxes({ heading, width, height, x, y, xTitle, yTitle }: Axes): string[] {
  return [
    text(0, -AXES_HEAD + 14, heading, { class: 'ink strong' }),
    text(0, -10, yTitle, { class: 'soft small' }),
    ...y.flatMap(({ at, label }) => [
      line(0, at, width, at, { class: 'grid' }),
      text(-8, at + 4, label, { class: 'soft small', 'text-anchor': 'end' }),
    ]),
    ...x.flatMap(({ at, label }) => [
      line(at, 0, at, height, { class: 'grid' }),
      text(at, height + 16, label, { class: 'soft small', 'text-anchor': 'middle' }),
    ]),
    line(0, height, width, height, { class: 'axis' }),
    text(width / 2, height + 34, xTitle, { class: 'soft small', 'text-anchor': 'middle' }),
  ];
}

/**
 * Moves labels apart that would cover each other, as little as is needed and in their order.
 *
 * @param wanted where each would stand, in pixels from the top
 * @returns where each stands, at least `gap` from the next
 */
export function spreadLabels(wanted: readonly number[], gap: number): number[] {
  const order = wanted.map((_, k) => k).toSorted((a, b) => wanted[a]! - wanted[b]!);
  // Labels that touch form a block, which stands where its labels want to on average.
  const blocks: { members: number[]; top: number }[] = [];
  for (const k of order) {
    let block = { members: [k], top: wanted[k]! };
    for (;;) {
      const above = blocks.at(-1);
      if (above === undefined || above.top + above.members.length * gap <= block.top) break;
      blocks.pop();
      const members = [...above.members, ...block.members];
      const wish = members.reduce((sum, member, place) => sum + wanted[member]! - place * gap, 0);
      block = { members, top: wish / members.length };
    }
    blocks.push(block);
  }
  const places: number[] = [];
  for (const { members, top } of blocks) {
    for (const [place, member] of members.entries()) places[member] = top + place * gap;
  }
  return places;
}

/** Leaves out ticks whose labels would touch another's. The first and the last are kept. */
export function apart(ticks: readonly Tick[]): Tick[] {
  const [first, ...rest] = ticks.toSorted((a, b) => a.at - b.at);
  const last = rest.pop();
  if (first === undefined || last === undefined) return [...ticks];
  const kept = [first];
  for (const tick of rest) if (fit(kept.at(-1)!, tick) && fit(tick, last)) kept.push(tick);
  return [...kept, last];
}

function fit(a: Tick, b: Tick): boolean {
  return b.at - a.at >= (textWidth(a.label, 11) + textWidth(b.label, 11)) / 2 + 6;
}
