/** The help of every command, and docs/cli.md, which is made from the same program. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { expect, test, vi } from 'vitest';
import { makeProgram } from '../../src/cli/program.ts';
import { CLI_PAGE, cliPage } from '../support/cli-page.ts';
import { usage } from '../support/cli-runner.ts';

/** Of all commands that do something and can be seen: `port add`. */
function namesOf(command: Command, prefix = ''): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .flatMap((child) => {
      if (child.name() === 'help') return [];
      const name = `${prefix}${child.name()}`;
      return child.commands.length > 0 ? namesOf(child, `${name} `) : [name];
    });
}

test('docs/cli.md is what the program says: else run npm run docs', () => {
  expect(readFileSync(CLI_PAGE, 'utf8')).toBe(cliPage());
  for (const name of namesOf(makeProgram())) expect(cliPage()).toContain(`\n## ${name}\n`);
});

test('docs/cli.md does not depend on where it is made', () => {
  const page = cliPage();
  vi.stubEnv('TSWITCH_SOCKET', '/elsewhere');
  vi.stubEnv('TSWITCH_URL', 'http://elsewhere');
  try {
    expect(cliPage()).toBe(page);
  } finally {
    vi.unstubAllEnvs();
  }
});

test('help and version are exit code 0; every command has examples and the global options', async () => {
  expect(await usage(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  const commands = namesOf(makeProgram());
  expect(commands).toEqual(
    expect.arrayContaining(['serve', 'plug', 'port set', 'fdb flush', 'token add', 'completion']),
  );
  for (const command of commands) {
    const { code, stdout } = await usage([...command.split(' '), '--help']);
    expect([command, code]).toEqual([command, 0]);
    expect(stdout).toMatch(new RegExp(`Examples:\n  \\$ tswitch ${command}`));
    expect(stdout).toMatch(/--json[\s\S]*--socket/);
    expect(stdout).not.toMatch(/preset/);
  }
  const workers = Math.min(Math.max(availableParallelism() - 1, 1), 4);
  const serve = (await usage(['serve', '--help'])).stdout.replace(/\s+/g, ' ');
  expect(serve).toContain('more of them cost memory (default: processors minus one, 1 to 4)');
  expect(serve).toContain(`On this machine --workers is ${workers} by default.`);
  expect((await usage(['port', 'add', '--help'])).stdout).not.toMatch(/--ip|--create |--trunk /);
});
