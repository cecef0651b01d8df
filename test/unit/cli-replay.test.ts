/** The command `replay`, without any daemon: what it prints, and what it says of files that are none. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { frame, mac, sandbox } from '../../src/sdk/sandbox.ts';
import { usage } from '../support/cli-runner.ts';

const folder = mkdtempSync(join(tmpdir(), 'tswitch-cli-replay-'));
afterAll(() => rmSync(folder, { recursive: true }));

function recording(name: string): string {
  const lan = sandbox({ ports: ['red', 'blue', 'green'] });
  const end = lan.record();
  lan.send('red', frame({ src: mac(1) }));
  lan.advance(500);
  lan.send('blue', frame({ src: mac(2), dst: mac(1) }));
  lan.send('green', frame({ tags: [7] }));
  const file = join(folder, name);
  writeFileSync(file, end());
  return file;
}

function logic(name: string, body: string): string {
  const file = join(folder, `${name}.ts`);
  writeFileSync(
    file,
    `import { DEFER, defineLogic, FLOOD } from 'tswitch/logic';
export default defineLogic({
  name: '${name}',
  description: 'for a test',
  params: (z) => z.object({ type: z.int().default(0x88b5) }),
  drops: { UNWANTED: 'nobody wants it' },
  create: ({ params, drop }) => ({ frame: (frame) => ${body} }),
});
`,
  );
  return file;
}

test('what was recorded becomes the same', async () => {
  const { code, stdout, stderr } = await usage(['replay', recording('same.pcapng')]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(
    /same.pcapng: 3 frames in 3 batches, 0.500 s from 1970-01-01T00:00:00.000Z, one worker, tswitch/,
  );
  expect(stdout).toMatch(/VERDICT +RECORDED +REPLAYED\nflood +1 +1\nforward +1 +1\ndrop NOT_A_MEMBER +1 +1\n/);
  expect(stdout).toMatch(/\nPORT +RX +TX +DROPS\nred +1 +1 +-\nblue +1 +1 +-\ngreen +1 +1 +NOT_A_MEMBER 1\n/);
  expect(stdout).toMatch(/\nidentical: every verdict and every byte that left, as recorded\n$/);
});

test('another logic: the first frame that differs, decoded, with both verdicts', { timeout: 60_000 }, async () => {
  const file = recording('other.pcapng');
  const drops = logic('drops', 'frame.isGroup ? DEFER : drop.UNWANTED');
  const { code, stdout } = await usage(['replay', file, '--logic', drops]);
  expect(code).toBe(1);
  expect(stdout).toMatch(
    /\ndifferent: 1 of 3 frames; the first is frame 2, 0.500000 s from the beginning, port blue\n/,
  );
  expect(stdout).toMatch(
    /\n {2}02:00:00:00:00:02 > 02:00:00:00:00:01, local experimental \(88b5\), length 60\n {2}0200/,
  );
  expect(stdout).toMatch(/\nrecorded +forward to red \(VLAN 1, by learning\) +red\n/);
  expect(stdout).toMatch(/\ndrops +drop UNWANTED \(VLAN 1, by drops\) +none\n/);
  const json = JSON.parse((await usage(['replay', file, '--logic', drops, '--json'])).stdout);
  expect(json).toMatchObject({ file, isSame: false, different: 1, difference: { frame: 2, port: 'blue' } });
  const floods = logic('floods', 'frame.etherType === params.type ? FLOOD : DEFER');
  const against = ['replay', file, '--logic', drops, '--against', floods];
  expect((await usage(against)).stdout).toMatch(/VERDICT +DROPS +FLOODS\n/);
  const same = await usage(['replay', file, '--logic', floods, '--param', 'type=1']);
  expect(same).toMatchObject({ code: 0, stdout: expect.stringMatching(/identical/) });
});

test('wrong words and files that are no recording: what is wrong is said', { timeout: 60_000 }, async () => {
  const file = recording('good.pcapng');
  const refused = async (args: string[], code: number, message: RegExp): Promise<void> => {
    const ended = await usage(['replay', ...args]);
    expect([ended.code, ended.stdout]).toEqual([code, '']);
    expect(ended.stderr).toMatch(message);
  };
  const none = join(folder, 'none');
  writeFileSync(none, 'none');
  const broken = logic('broken', 'frame.');
  await refused([join(folder, 'absent')], 1, /^tswitch: cannot read \S+absent: ENOENT/);
  await refused([folder], 1, /is no regular file$/m);
  await refused([none], 1, /^tswitch: \S+none is no recording: make one with `tswitch record`\n$/);
  await refused([file, '--against', broken], 2, /give the first one with --logic/);
  await refused([file, '--param', 'a=1'], 2, /--param is for --logic/);
  await refused([file, '--logic', broken], 1, /broken.ts cannot be loaded: /);
  await refused([file, '--logic', logic('fine', 'DEFER'), '--param', 'no=1'], 1, /given to fine do not fit: no: /);
});

test(
  'a logic that never comes back is given up, and an empty recording is none that is the same',
  { timeout: 60_000 },
  async () => {
    const file = recording('endless.pcapng');
    const endless = await usage(['replay', file, '--logic', logic('endless', '{ for (;;); }'), '--timeout', '2']);
    expect(endless).toMatchObject({ code: 1, stdout: '' });
    expect(endless.stderr).toMatch(/did not get on for 2 s, after [0-9]+ batches: is there an endless loop/);
    const empty = join(folder, 'empty.pcapng');
    writeFileSync(empty, sandbox({ ports: ['red'] }).record()());
    const nothing = await usage(['replay', empty]);
    expect(nothing).toMatchObject({ code: 1, stdout: '' });
    expect(nothing.stderr).toMatch(/empty.pcapng holds no frames: there is nothing to replay/);
  },
);
