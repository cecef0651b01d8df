/** The unit for systemd: that systemd understands it, how much it shuts away, and that it permits what the daemon needs. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CAPABILITIES } from '../../src/control/plumbing/capabilities.ts';

const ROOT = join(import.meta.dirname, '../..');
const UNIT = join(ROOT, 'docs/systemd/tswitch.service');
/**
 * Of 10, where 10 is a service without any protection. Most of what is left are the capabilities of a switch and its mounts,
 * which must be the host's: see the head of the unit.
 */
const EXPOSURE_MAX = 5.6;

const text = readFileSync(UNIT, 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'tswitch-systemd-'));
/** A copy that names a program that is there: where it is installed, is the user's choice. */
const copy = join(folder, 'tswitch.service');
beforeAll(() => writeFileSync(copy, text.replace('/usr/local/bin/tswitch', join(ROOT, 'src/cli/tswitch'))));
afterAll(() => rmSync(folder, { recursive: true }));

async function analyze(...args: string[]): Promise<{ code: number; output: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)('systemd-analyze', args, {
      env: { ...process.env, SYSTEMD_PAGER: '' },
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, output: stdout + stderr };
  }
}

test('systemd has nothing to say against it', async () => {
  expect(await analyze('verify', '--man=no', copy)).toEqual({ code: 0, output: '' });
});

test('a unit that is wrong is found out', async () => {
  const wrong = join(folder, 'wrong.service');
  writeFileSync(wrong, text.replace('Type=notify', 'Type=notified'));
  expect((await analyze('verify', '--man=no', wrong)).output).toContain('notified');
});

test(`its exposure is ${EXPOSURE_MAX} of 10 at most`, async () => {
  const { code, output } = await analyze('security', '--offline=yes', `--threshold=${EXPOSURE_MAX * 10}`, copy);
  expect(output).toMatch(/Overall exposure level for tswitch\.service: \d/);
  expect(
    code,
    output.split('\n').findLast((line) => line.includes('Overall')),
  ).toBe(0);
});

test('it permits what the daemon keeps, and nothing more', () => {
  const [, list = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(text) ?? [];
  expect(list.split(' ').toSorted()).toEqual(CAPABILITIES.map(({ name }): string => name).toSorted());
});

test('nothing in it gives the daemon mounts of its own, which would hide the namespaces that it makes', () => {
  const mounting =
    /^(Protect(System|Home|KernelTunables|KernelModules|KernelLogs|ControlGroups|Proc)|Private(Tmp|Devices|Mounts|Users)|(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec)Paths|Bind\w*Paths|RootDirectory|RootImage|TemporaryFileSystem|MountFlags|ProcSubset|DynamicUser)=/m;
  expect(mounting.exec(text)).toBe(null);
});
