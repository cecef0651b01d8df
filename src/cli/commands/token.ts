/** token add, ls and rm: who may use the daemon over TCP. */
import type { Command } from 'commander';
import type { TokenRights, TokenView } from '../../api/tokens.ts';
import { Cli, examples } from '../cli.ts';
import { UsageError } from '../errors.ts';

interface FileOption {
  tokenFile?: string;
}

/** What can be done with tokens, whether by the daemon or in its file. */
interface Tokens {
  add(name: string, rights: TokenRights): Promise<string>;
  list(): Promise<string>;
  remove(name: string): Promise<string>;
}

export function addTokenCommands(program: Command): void {
  const token = program
    .command('token')
    .description(
      'tokens for the API over TCP: managed by the daemon, on its own machine, or in its file before it runs',
    );
  addAdd(token);
  const ls = withFile(token.command('ls').description('list the tokens; what they are is kept nowhere'));
  ls.action(async ({ tokenFile }: FileOption) => {
    const cli = new Cli(ls);
    const text = await tokensOf(cli, tokenFile).list();
    if (cli.json) return cli.print(text);
    const { tokens } = JSON.parse(text) as { tokens: TokenView[] };
    cli.print(tokens.length === 0 ? 'no tokens' : table(cli, tokens));
  });
  examples(ls, ['token ls']);
  const rm = withFile(token.command('rm').description('remove a token: from now on it is refused')).argument('<token>');
  rm.action(async (name: string, { tokenFile }: FileOption) => {
    const cli = new Cli(rm);
    await tokensOf(cli, tokenFile).remove(name);
    if (!cli.json) cli.print(`token ${name} removed`);
  });
  examples(rm, ['token rm grafana']);
}

function addAdd(token: Command): void {
  const add = withFile(token.command('add').description('make a token, and print it this once'))
    .argument('<name>', 'who or what will use it')
    .option('--read-only', 'it may only look (GET)')
    .option('--logic', 'it may load and change logics too, which is running code as the daemon');
  add.action(async (name: string, { tokenFile, readOnly = false, logic = false }: FileOption & TokenRights) => {
    const cli = new Cli(add);
    if (readOnly && logic) throw new UsageError('--read-only and --logic exclude each other');
    const text = await tokensOf(cli, tokenFile).add(name, { readOnly, logic });
    if (cli.json) return cli.print(text);
    const { token: secret } = JSON.parse(text) as { token: string };
    cli.print(secret);
    process.stderr.write('tswitch: this token is shown once: keep it, and give it to commands as TSWITCH_TOKEN\n');
  });
  examples(add, [
    'token add laptop',
    'token add grafana --read-only',
    'token add deploy --logic',
    'token add first --token-file /etc/tswitch/tokens.json',
  ]);
}

function withFile(command: Command): Command {
  return command.option('--token-file <file>', 'change the file itself, with or without a daemon that uses it');
}

function tokensOf(cli: Cli, file: string | undefined): Tokens {
  return file === undefined ? byDaemon(cli) : inFile(file);
}

function byDaemon({ client }: Cli): Tokens {
  return {
    add: async (name, rights) => (await client.send('POST', '/v1/tokens', { name, ...rights })).text,
    list: async () => (await client.get('/v1/tokens')).text,
    remove: async (name) => (await client.send('DELETE', `/v1/tokens/${encodeURIComponent(name)}`)).text,
  };
}

/** The same answers as the daemon's. Loaded late: it brings the schemas with it. */
function inFile(file: string): Tokens {
  const open = async () => new (await import('../../api/tokens.ts')).TokenStore(file);
  return {
    add: async (name, rights) => JSON.stringify((await open()).add(name, rights)),
    list: async () => JSON.stringify({ tokens: (await open()).list() }),
    remove: async (name) => {
      (await open()).remove(name);
      return '';
    },
  };
}

function table(cli: Cli, tokens: readonly TokenView[]): string {
  return cli.table(
    ['NAME', 'MAY', 'MADE'],
    tokens.map((token) => [token.name, rightsText(token), token.created]),
  );
}

function rightsText({ readOnly, logic }: TokenView): string {
  if (readOnly) return 'read';
  return logic ? 'read, change and load logics' : 'read and change';
}
