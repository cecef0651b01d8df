/** Which library a process ends up with: asked in processes of their own, since the choice is made once in each. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { SyscallError, check, errnoName } from '../../native-bindings/syscalls.ts';

const SYSCALLS = new URL('../../native-bindings/syscalls.ts', import.meta.url).href;

/** Prints the chosen library's name, in a process where `missing` cannot be loaded. */
function choose(environment: NodeJS.ProcessEnv, missing: readonly string[] = []): { out: string; err: string } {
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (${JSON.stringify(missing)}.includes(specifier)) throw new Error('no binary of ' + specifier);
        return next(specifier, context);
      },
    });
    const { ffi, sys } = await import('${SYSCALLS}');
    console.log(ffi.name, sys.close(-1));`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...environment },
  });
  return { out: run.stdout.trim(), err: run.stderr };
}

test('koffi is the default', () => expect(choose({}).out).toBe('koffi -9'));

test('ffi-rs stands in where koffi cannot be loaded', () => expect(choose({}, ['koffi']).out).toBe('ffi-rs -9'));

test('a broken ffi-rs does not hinder koffi', () => expect(choose({}, ['ffi-rs']).out).toBe('koffi -9'));

test('both broken: an error that says so', () => {
  expect(choose({}, ['koffi', 'ffi-rs']).err).toContain('no FFI library loads on linux-');
});

test.each(['koffi', 'ffi-rs'])('TSWITCH_FFI=%s is obeyed', (name) => {
  expect(choose({ TSWITCH_FFI: name }).out).toBe(`${name} -9`);
});

test('TSWITCH_FFI that cannot be obeyed is an error', () => {
  expect(choose({ TSWITCH_FFI: 'koffi' }, ['koffi']).err).toContain('no binary of koffi');
  expect(choose({ TSWITCH_FFI: 'node-ffi' }).err).toContain("TSWITCH_FFI is 'node-ffi'; it can be 'koffi' or 'ffi-rs'");
  expect(choose({ TSWITCH_FFI: 'toString' }).err).toContain("TSWITCH_FFI is 'toString'");
});

test('a failed call becomes an error that says what and why', () => {
  expect(check('open', 3)).toBe(3);
  expect(() => check('open', -13)).toThrow(new SyscallError('open', 13));
  expect(new SyscallError('open', 13)).toMatchObject({ call: 'open', errno: 13 });
  expect(new SyscallError('open', 13).message).toBe('open: EACCES (permission denied)');
  expect(errnoName(11)).toBe('EAGAIN');
  expect(errnoName(9999)).toBe('errno 9999');
});
