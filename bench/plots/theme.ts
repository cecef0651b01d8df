/**
 * How the plots look. Hues are those of Okabe and Ito, which people with any colour vision tell apart, each a little darker
 * on light ground and lighter on dark; every subject also has a shape of its own, so that nothing hangs on hue alone. A plot
 * brings its own ground, light or dark as the reader's system is set.
 */
import { symbol, symbolCircle, symbolDiamond, symbolSquare, symbolTriangle, type SymbolType } from 'd3-shape';
import { element } from './svg.ts';

export const FONT_PX = 12;
/** Width of a character of a wide sans-serif face, on average, for want of a way to measure text. */
const CHARACTER_EM = 0.56;
const BOLD_CHARACTER_EM = 0.64;

const COLOURS = {
  blue: { light: '#0067a5', dark: '#4db2f0' },
  vermilion: { light: '#c24e00', dark: '#ff8a45' },
  green: { light: '#00795a', dark: '#2fc99d' },
  purple: { light: '#a8447e', dark: '#e394bf' },
  slate: { light: '#24292f', dark: '#e6edf3' },
  grey: { light: '#6e7781', dark: '#8b949e' },
} as const;
export type Colour = keyof typeof COLOURS;

export interface Look {
  colour: Colour;
  shape: SymbolType;
  dash: string | undefined;
}

/** Subjects of one family share a hue and differ in shape and dash. The longest name that a subject's begins with counts. */
const LOOKS: readonly (readonly [string, Look])[] = [
  ['tswitch-veth', { colour: 'blue', shape: symbolCircle, dash: undefined }],
  ['tswitch-xdp', { colour: 'blue', shape: symbolDiamond, dash: '7 3' }],
  ['tswitch-packet', { colour: 'blue', shape: symbolTriangle, dash: '2 3' }],
  ['tswitch-tap', { colour: 'blue', shape: symbolSquare, dash: '7 3 2 3' }],
  ['tswitch', { colour: 'blue', shape: symbolCircle, dash: '1 2' }],
  ['linux-bridge', { colour: 'slate', shape: symbolSquare, dash: undefined }],
  ['ovs-netdev', { colour: 'vermilion', shape: symbolCircle, dash: undefined }],
  ['ovs', { colour: 'vermilion', shape: symbolDiamond, dash: '7 3' }],
  ['vde', { colour: 'green', shape: symbolTriangle, dash: undefined }],
  ['testpmd-af-packet', { colour: 'purple', shape: symbolCircle, dash: undefined }],
  ['testpmd', { colour: 'purple', shape: symbolDiamond, dash: '7 3' }],
  ['dpdk', { colour: 'purple', shape: symbolDiamond, dash: '7 3' }],
];
const OTHER: Look = { colour: 'grey', shape: symbolSquare, dash: '2 3' };

export function lookOf(subject: string): Look {
  const fitting = LOOKS.filter(([name]) => subject.startsWith(name));
  return fitting.toSorted((a, b) => b[0].length - a[0].length)[0]?.[1] ?? OTHER;
}

export function isOurs(subject: string): boolean {
  return subject.startsWith('tswitch');
}

/** A subject's mark, at a point. */
export function mark(subject: string, x: number, y: number): string {
  const { colour, shape } = lookOf(subject);
  const path = symbol(shape, 42)() ?? '';
  return element('path', { d: path, class: `fill-${colour}`, transform: `translate(${x.toFixed(2)} ${y.toFixed(2)})` });
}

export function styleSheet(): string {
  return `text{font:${FONT_PX}px system-ui,"Segoe UI",Helvetica,Arial,"DejaVu Sans",sans-serif}
.title{font-size:17px;font-weight:600}.strong{font-weight:600}.small{font-size:11px}
${rules('light')}
@media (prefers-color-scheme:dark){
${rules('dark')}
}`;
}

function rules(ground: 'light' | 'dark'): string {
  const isLight = ground === 'light';
  const [paper, border] = isLight ? ['#ffffff', '#d0d7de'] : ['#0d1117', '#30363d'];
  const lines = isLight ? { grid: '#e3e7eb', axis: '#6e7781' } : { grid: '#252b33', axis: '#8b949e' };
  const words = isLight ? { ink: '#1f2328', soft: '#59636e' } : { ink: '#e6edf3', soft: '#9aa4ae' };
  const colours = Object.entries(COLOURS).map(
    ([name, shades]) => `.fill-${name}{fill:${shades[ground]}}.line-${name}{stroke:${shades[ground]};fill:none}`,
  );
  return [
    `.card{fill:${paper};stroke:${border}}.halo{stroke:${paper};stroke-width:3.5;fill:none}.name{stroke:${paper};stroke-width:3;paint-order:stroke}.grid{stroke:${lines.grid}}.axis{stroke:${lines.axis};fill:none}`,
    `.ink{fill:${words.ink}}.soft{fill:${words.soft}}.whisker{stroke:${words.ink};fill:none}`,
    ...colours,
  ].join('\n');
}

export function textWidth(content: string, px: number = FONT_PX, isBold = false): number {
  return content.length * px * (isBold ? BOLD_CHARACTER_EM : CHARACTER_EM);
}

/** Breaks a text between words into lines of at most so many pixels. */
export function wrap(content: string, width: number, px: number, isBold = false): string[] {
  const lines: string[] = [];
  for (const word of content.split(' ')) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length === 0) lines.push(word);
    else if (textWidth(longer, px, isBold) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
