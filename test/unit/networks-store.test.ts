/** Kept networks: what was saved is found again, whatever happened to one of the files, and never are there none in silence. */
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sealText } from '../../src/control/store/sealed-file.ts';
import { firstDocument, inThisBoot } from '../../src/networks/document.ts';
import { NetworkFiles } from '../../src/networks/file-store.ts';
import type { NetworksDocument } from '../../src/networks/model.ts';
import { linesLog } from '../support/lines-log.ts';

/** Of a file's bytes, one in so many is damaged in turn. */
const STEP = process.env['TSWITCH_LONG'] === '1' ? 1 : 13;
const FIRST = firstDocument(4094, []);

let folder: string;
let path: string;
let log: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tswitch-networks-'));
  path = join(folder, 'networks');
  log = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (at = path): NetworkFiles => NetworkFiles.open(at, linesLog(log));
const asideIn = (place: string): string[] => readdirSync(place).filter((name) => name.includes('.damaged-'));

/** The document of the moment after so many changes. */
function state(changes: number): NetworksDocument {
  return { ...FIRST, ipv6Prefix: `fd00:0:${changes}` };
}

async function saveThree(): Promise<void> {
  const files = open();
  for (const changes of [1, 2, 3]) await files.save(state(changes));
}

test('new files hold nothing; what was saved is there again, and nobody but its owner may read it', async () => {
  expect(open().kept).toBe(null);
  await saveThree();
  const again = open();
  expect([again.kept, again.notices]).toEqual([state(3), []]);
  expect(readdirSync(folder).toSorted()).toEqual(['networks', 'networks.last-good']);
  for (const file of readdirSync(folder)) expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
  expect(log).toEqual([]);
});

describe.each(['networks', 'networks.last-good'])('%s', (file) => {
  async function onCopies(damage: (at: string, byte: number) => void): Promise<void> {
    await saveThree();
    const place = `${folder}-copy`;
    const { size } = statSync(path);
    for (let byte = 0; byte < size; byte += STEP) {
      cpSync(folder, place, { recursive: true });
      damage(join(place, file), byte);
      const opened = open(join(place, 'networks'));
      expect([byte, opened.kept]).toEqual([byte, state(3)]);
      expect(opened.notices).toEqual([expect.stringContaining(`${join(place, file)} is damaged`)]);
      expect(asideIn(place)).toHaveLength(1);
      await opened.save(state(4));
      const again = open(join(place, 'networks'));
      expect([again.kept, again.notices]).toEqual([state(4), []]);
      rmSync(place, { recursive: true });
    }
  }

  test('flipped at any byte: the last good networks are used, and both files hold them again', () =>
    onCopies((at, byte) => {
      const content = readFileSync(at);
      content[byte]! ^= 1 << (byte % 8);
      writeFileSync(at, content);
    }));

  test('cut off at any byte: the last good networks are used, and both files hold them again', () =>
    onCopies(truncateSync));

  test('missing: the other one is used, without a word', async () => {
    await saveThree();
    rmSync(join(folder, file));
    expect(open().kept).toEqual(state(3));
    expect(readdirSync(folder)).toContain(file);
  });

  test('an older one is not used', async () => {
    await saveThree();
    const older = readFileSync(join(folder, file));
    await open().save(state(4));
    writeFileSync(join(folder, file), older);
    expect(open().kept).toEqual(state(4));
    expect(open().notices).toEqual([]);
  });
});

test('where both are damaged, or one and the other missing, it says what to do, and touches nothing', async () => {
  await saveThree();
  const why = { code: 'STATE_FAILED', message: expect.stringMatching(/damaged.*put a back-up in its place/) };
  for (const file of readdirSync(folder)) truncateSync(join(folder, file), 90);
  for (let k = 0; k < 2; k++) expect(() => open()).toThrow(expect.objectContaining(why));
  rmSync(`${path}.last-good`);
  expect(() => open()).toThrow(expect.objectContaining(why));
  expect(readdirSync(folder)).toEqual(['networks']);
});

test('what a later version wrote is refused with words, and left as it is', () => {
  const { schema, sha256, text } = sealText(99, '{}');
  writeFileSync(path, `tswitch networks, schema ${schema}, sha256 ${sha256}\n${text}\n`);
  const why = { code: 'STATE_FAILED', message: expect.stringContaining('a later version of tswitch (schema 99') };
  expect(() => open()).toThrow(expect.objectContaining(why));
  expect(readdirSync(folder)).toEqual(['networks']);
});

test('what cannot be kept is told', async () => {
  await saveThree();
  const files = open();
  rmSync(folder, { recursive: true });
  const why = { code: 'STATE_FAILED', message: expect.stringContaining('networks could not be kept in') };
  await expect(files.save(state(4))).rejects.toMatchObject(why);
  mkdirSync(folder);
});

test('after a reboot no process is the one it was', () => {
  const process = { pid: 12, start: 34, isItsOwn: true };
  const endpoint = {
    ...{ id: 'e', name: 'a', netns: '12', ifname: 'eth0', mac: '', addresses: [], aliases: [], links: [] },
    ...{ published: [], isDefaultRoute: false, remembered: { spec: '12', inode: 5, process } },
  };
  const [bridge, ...others] = FIRST.networks;
  const document = { ...FIRST, networks: [{ ...bridge!, endpoints: [endpoint] }, ...others] };
  expect(inThisBoot(document)).toBe(document);
  const after = inThisBoot(document, 'another');
  expect(after.networks[0]?.endpoints[0]?.remembered?.process).toEqual({ ...process, start: -1 });
  expect(inThisBoot(after, 'another')).toBe(after);
});
