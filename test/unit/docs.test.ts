/** What the pages say of closed lists is what the code says, and their links lead somewhere. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { DROP_NAMES, DROP_SENTENCES } from '../../src/switching/drop-reasons.ts';
import { LOGIC_API_PAGE, logicApiPage } from '../support/logic-api-page.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join('docs', path)),
];

function textOf(page: string): string {
  return readFileSync(join(ROOT, page), 'utf8');
}

/** The cells of a Markdown table's rows. */
function rowsUnder(heading: string, page: string): string[][] {
  const section = textOf(page).split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

test('docs/switching.md lists every drop reason with its sentence, in the order of the numbers', () => {
  const rows = rowsUnder('Drop reasons', 'docs/switching.md');
  expect(rows.map(([reason, , sentence]) => [reason, sentence])).toEqual(
    DROP_NAMES.map((name) => [`\`${name}\``, DROP_SENTENCES[name]]),
  );
  for (const [reason, , , remedy] of rows) expect(remedy, reason).not.toBe('');
});

test('docs/logic-api.md is what the types say', { timeout: 60_000 }, async () => {
  expect(readFileSync(LOGIC_API_PAGE, 'utf8')).toBe(await logicApiPage());
});

test.each(PAGES)('the links of %s lead to files and headings', (page) => {
  const links = Array.from(textOf(page).matchAll(/\]\(([^)#\s:]*)(?:#([^)\s]*))?\)/g));
  for (const [link, path = '', heading] of links) {
    const target = path === '' ? page : join(dirname(page), path);
    expect(existsSync(join(ROOT, target)), `${link} in ${page}`).toBe(true);
    if (heading !== undefined) expect(headingsOf(target), `${link} in ${page}`).toContain(heading);
  }
});

/** Headings of a page as GitHub names them in links. */
function headingsOf(page: string): string[] {
  return Array.from(textOf(page).matchAll(/^#+ (.*)$/gm), ([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
