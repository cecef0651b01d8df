/** What every plot has around it: a title that says the finding, what is shown, and where and when it was measured. */
import { element, escapeXml, text } from './svg.ts';
import { styleSheet, wrap } from './theme.ts';

export const WIDTH = 960;
export const MARGIN = 24;
const TITLE_PX = 17;
const TITLE_LINE = 23;
const LINE = 17;

export interface Words {
  /** The finding, in one sentence. */
  title: string;
  /** What is shown, how it was measured, and how to read it. */
  subtitle: string;
  /** Host, date and commit. */
  footer: string;
}

/** What is drawn below the words, in coordinates of its own. */
export interface Drawing {
  height: number;
  content: string;
}

export function renderPage({ title, subtitle, footer }: Words, drawing: Drawing): string {
  const inner = WIDTH - 2 * MARGIN;
  const titleLines = wrap(title, inner, TITLE_PX, true);
  const subtitleLines = wrap(subtitle, inner, 12);
  const footerLines = wrap(footer, inner, 11);
  const titleEnd = MARGIN + 13 + titleLines.length * TITLE_LINE;
  const drawingAt = titleEnd + subtitleLines.length * LINE + 10;
  const footerAt = drawingAt + drawing.height + 22;
  const height = footerAt + footerLines.length * LINE;
  const rows = (lines: readonly string[], from: number, step: number, className: string): string[] =>
    lines.map((content, k) => text(MARGIN, from + k * step, content, { class: className }));
  return `${element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      viewBox: `0 0 ${WIDTH} ${Math.ceil(height)}`,
      width: WIDTH,
      height: Math.ceil(height),
      role: 'img',
      'aria-labelledby': 'title about',
    },
    [
      element('title', { id: 'title' }, [escapeXml(title)]),
      element('desc', { id: 'about' }, [escapeXml(`${subtitle} ${footer}`)]),
      element('style', {}, [escapeXml(styleSheet())]),
      element('rect', { class: 'card', x: 0.5, y: 0.5, width: WIDTH - 1, height: Math.ceil(height) - 1, rx: 8 }),
      ...rows(titleLines, MARGIN + 14, TITLE_LINE, 'ink title'),
      ...rows(subtitleLines, titleEnd, LINE, 'soft'),
      element('g', { transform: `translate(${MARGIN} ${drawingAt})` }, [drawing.content]),
      ...rows(footerLines, footerAt, LINE, 'soft small'),
    ],
  )}\n`;
}
