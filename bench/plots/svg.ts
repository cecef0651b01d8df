/** The little of SVG that the plots need: elements as text, escaped, with short numbers. Scales and paths are d3's. */

export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** @param attributes those that are undefined are left out */
export function element(name: string, attributes: Attributes, children: readonly string[] = []): string {
  const written = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [` ${key}="${typeof value === 'number' ? short(value) : escapeXml(value)}"`],
  );
  const open = `<${name}${written.join('')}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join('')}</${name}>`;
}

export function text(x: number, y: number, content: string, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, [escapeXml(content)]);
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes): string {
  return element('line', { x1, y1, x2, y2, ...attributes });
}

export function group(children: readonly string[], x: number, y: number): string {
  return element('g', { transform: `translate(${short(x)} ${short(y)})` }, children);
}

/** Characters that XML 1.0 does not allow are replaced, as no escape may hold them. */
export function escapeXml(content: string): string {
  return content
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** A hundredth of a pixel is enough; SVG has no NaN and no infinity. */
export function short(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`no place in a plot: ${value}`);
  return String(Math.round(value * 100) / 100);
}
