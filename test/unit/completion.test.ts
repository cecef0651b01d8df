/** Completion: what the program offers at the cursor, and the same through real shells. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serveApi } from '../../src/api/server.ts';
import { complete, type LiveValues } from '../../src/cli/completion/complete.ts';
import { makeProgram } from '../../src/cli/program.ts';
import { MAIN, usage } from '../support/cli-runner.ts';
import { fakeControl } from '../support/fake-control.ts';

const LIVE: LiveValues = {
  port: async () => [
    { value: 'red', about: 'veth' },
    { value: 'blue', about: 'tap' },
  ],
  vid: async () => [{ value: '10', about: 'red' }],
  netns: async () => [{ value: 'lan', about: '' }],
  if: async () => [{ value: 'eth7', about: '' }],
  network: async () => [{ value: 'lan1', about: '' }],
  container: async () => [{ value: 'web', about: '' }],
  logic: async () => [{ value: 'hub', about: 'live' }],
  capture: async () => [{ value: 'c1', about: '' }],
};

async function offered(...words: string[]): Promise<string[] | 'files'> {
  const found = await complete(makeProgram(), words, LIVE);
  return found === 'files' ? found : found.map(({ value }) => value);
}

describe('what is offered', () => {
  test.each<[string[], string[]]>([
    [['po'], ['port']],
    [
      ['port', ''],
      ['add', 'set', 'rm', 'ls', 'show', 'help'],
    ],
    [
      ['port', 's'],
      ['set', 'show'],
    ],
    [['--json', 'port', 'show', 'r'], ['red']],
    [
      ['port', 'set', ''],
      ['red', 'blue'],
    ],
    [
      ['port', 'set', 'red', '--mode', 'tr'],
      ['trunk', 'transparent'],
    ],
    [
      ['port', 'set', 'red', '--mode=tr'],
      ['--mode=trunk', '--mode=transparent'],
    ],
    [['port', 'set', 'red', '--flood-u'], ['--flood-unknown']],
    [
      ['port', 'set', 'red', '--isolated', ''],
      ['true', 'false'],
    ],
    [['port', 'set', 'red', '--isolated=f'], ['--isolated=false']],
    [['port', 'set', 'red', '--vlan', ''], ['10']],
    [['fdb', 'ls', '--port', 'b'], ['blue']],
    [
      ['fdb', 'flush', '--kind', ''],
      ['dynamic', 'static', 'sticky'],
    ],
    [['events', '--name', 'port.up', 'port.l'], ['port.lost']],
    [['events', '--name', 'port.up', '--js'], ['--json']],
    [['plug', 'l'], ['lan']],
    [['plug', 'lan', '--gat'], ['--gateway']],
    [['port', 'add', 'x', '--netdev', ''], ['eth7']],
    [
      ['doctor', ''],
      ['red', 'blue'],
    ],
    [['network', 'inspect', ''], ['lan1']],
    [['network', 'connect', 'lan1', 'w'], ['web']],
    [['run', '--network', 'l'], ['lan1']],
    [['stop', 'web', 'w'], ['web']],
    [['logic', 'promote', ''], ['hub']],
    [['captures', 'stop', ''], ['c1']],
    [['capture', '--port', 'red', 'b'], ['blue']],
    [['unplug', '--ifname', 'eth0', 'l'], ['lan']],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [
      ['serve', '--log-level', ''],
      ['error', 'warn', 'info', 'debug'],
    ],
    [['serve', '--no-a'], ['--no-auth']],
    [['plug', '--', '--gat'], []],
    [['nonsense', 'r'], []],
    [['port', 'add', ''], []],
  ])('%j', async (words, values) => expect(await offered(...words)).toEqual(values));

  test('flags: those of the command and of every command, without what is given already', async () => {
    const flags = await offered('stats', '--json', '-');
    expect(flags).toEqual(expect.arrayContaining(['--watch', '--socket', '--url', '--help']));
    expect(flags).not.toContain('--json');
    expect(await offered('vlan', 'ls', '')).toContain('--json');
    expect(await offered('port', 'add', 'x', '--ip')).toEqual([]);
  });

  test('paths are left to the shell', async () => {
    expect(await offered('apply', '')).toBe('files');
    expect(await offered('explain', '--pcap', 'x')).toBe('files');
    expect(await offered('--socket', '')).toBe('files');
  });

  test('every command that can be seen, and none that is hidden', async () => {
    const program = makeProgram();
    const visible = program.createHelp().visibleCommands(program);
    expect(await offered('')).toEqual(visible.map((command) => command.name()));
    expect(await offered('__')).toEqual([]);
  });
});

describe('in a real shell', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tswitch-completion-'));
  const socket = join(folder, 'api.sock');
  const run = promisify(execFile);
  let api: { close(): Promise<void> };

  beforeAll(async () => {
    const control = fakeControl();
    await control.addPort({ name: 'uplink', kind: 'veth', netns: 'uplink' });
    await control.addPort({ name: 'a:b', kind: 'veth', netns: 'b' });
    api = await serveApi(control, { socket });
    const bin = join(folder, 'tswitch');
    writeFileSync(bin, `#!/bin/sh\nexec '${process.execPath}' --disable-warning=ExperimentalWarning '${MAIN}' "$@"\n`);
    chmodSync(bin, 0o755);
    mkdirSync(join(folder, 'd'));
    writeFileSync(join(folder, 'd/lan network.yaml'), '');
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await usage(['completion', shell]);
      expect(code).toBe(0);
      writeFileSync(join(folder, `completion.${shell}`), stdout);
    }
  });
  afterAll(async () => {
    await api.close();
    rmSync(folder, { recursive: true });
  });

  async function shell(program: string, ...args: string[]): Promise<string[]> {
    const env = {
      ...process.env,
      PATH: `${folder}:${process.env['PATH']}`,
      TSWITCH_SOCKET: socket,
      HOME: folder,
      TERM: 'dumb',
    };
    const { stdout } = await run(program, args, { cwd: join(folder, 'd'), env });
    return stdout.trimEnd().split('\n');
  }

  /** Calls the function the way that bash does for a TAP. */
  const bash = (line: string): Promise<string[]> =>
    shell(
      'bash',
      ...['--norc', '-c'],
      `source "$0"; COMP_LINE=$1 COMP_POINT=\${#1}; _tswitch tswitch; printf '%s\\n' "\${COMPREPLY[@]}"`,
      ...[join(folder, 'completion.bash'), line],
    );
  const fish = (line: string): Promise<string[]> =>
    shell('fish', '--no-config', '-c', 'source $argv[1]; complete -C $argv[2]', join(folder, 'completion.fish'), line);
  /** Types into an interactive one, in which the key TAB lists or inserts; what it then has in its line is printed. */
  const zsh = (line: string): Promise<string[]> =>
    shell(
      'zsh',
      ...['-f', '-c'],
      `zmodload zsh/zpty
      zpty shell "zsh -f -i"
      zpty -w shell 'PS1= RPS1=; autoload -U compinit; compinit -D -u; source "'$1'"'
      zpty -w shell 'show() { print -r -- "LINE<$BUFFER>"; exit }; zle -N show; bindkey "^X" show; print RE""ADY'
      zpty -r -m shell text '*READY*'
      zpty -n -w shell "$2"$'\\t\\x18'
      zpty -r -m shell text '*LINE<*>*'
      print -r -- "\${\${text##*LINE<}%%>*}"`,
      ...['zsh', join(folder, 'completion.zsh'), line],
    );

  test('bash: commands, live names, also behind = and :, and paths', async () => {
    expect(await bash('tswitch unp')).toEqual(['unplug']);
    expect(await bash('tswitch port show ')).toEqual(['uplink', 'a:b']);
    expect(await bash('tswitch port show a:')).toEqual(['b']);
    expect(await bash('tswitch plug x --kind=t')).toEqual(['tap']);
    expect(await bash('tswitch apply lan')).toEqual(['lan network.yaml']);
    expect(await bash('tswitch nonsense x')).toEqual(['']);
  });

  test('fish: with descriptions', async () => {
    expect(await fish('tswitch unp')).toEqual([expect.stringMatching(/^unplug\tremove the port of a namespace/)]);
    expect(await fish('tswitch port show u')).toEqual([expect.stringMatching(/^uplink\tveth, uplink\/eth0/)]);
    expect(await fish('tswitch apply lan')).toEqual([expect.stringMatching(/^lan network\.yaml/)]);
  });

  test('zsh: the key completes', async () => {
    expect(await zsh('tswitch unp')).toEqual(['tswitch unplug']);
    expect(await zsh('tswitch port show u')).toEqual(['tswitch port show uplink']);
    expect(await zsh('tswitch port show a')).toEqual(['tswitch port show a:b']);
    expect(await zsh('tswitch plug x --kind=t')).toEqual(['tswitch plug x --kind=tap']);
  });

  test('without a daemon there are the commands, and no error', async () => {
    const line = `tswitch --socket ${folder}/none port show `;
    expect(await bash(line)).toEqual(['']);
  });
});
