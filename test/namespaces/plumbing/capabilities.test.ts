/** What is missing is said in one line. */
import { expect, test } from 'vitest';
import { assertPrivileges, missingCapabilities } from '../../../src/control/plumbing/capabilities.ts';
import { plumbingUrl, runWithout } from './stage.ts';

test('what is missing is named, and refused in one line if nothing works without it', async () => {
  expect(missingCapabilities()).toEqual([]);
  expect(() => assertPrivileges()).not.toThrow();
  const module = plumbingUrl('capabilities.ts');
  const source = `const c = await import('${module}'); console.log(c.missingCapabilities().join());
    try { c.assertPrivileges(); } catch (error) { console.log(error.code + ' ' + error.message); }`;
  const without = async (capabilities: string) => (await runWithout(capabilities, source)).trimEnd().split('\n');
  expect(await without('-net_raw,-sys_admin,-sys_ptrace')).toEqual([
    'CAP_NET_RAW,CAP_SYS_ADMIN,CAP_SYS_PTRACE',
    expect.stringMatching(/^NOT_PERMITTED tswitch lacks CAP_NET_RAW, CAP_SYS_ADMIN: run it as root/),
  ]);
  expect(await without('-sys_ptrace')).toEqual(['CAP_SYS_PTRACE']);
});
