/** fdb ls and flush: the MAC table. */
import { Option } from 'commander';
import type { Command } from 'commander';
import type { FdbEntryView, FdbPage } from '../../control/model.ts';
import { Cli, examples } from '../cli.ts';
import { parseVid, wholeNumber } from '../values.ts';

/** Entries per request: what the route gives at most. */
const PAGE_ENTRIES_MAX = 10_000;

interface Filter {
  vlan?: number;
  port?: string;
  kind?: string;
}

interface ListOptions extends Filter {
  limit?: number;
  cursor?: string;
}

export function addFdbCommands(program: Command): void {
  const fdb = program.command('fdb').description('show and flush the MAC table');
  const ls = addFilters(fdb.command('ls').description('list learned MAC addresses'))
    .option('--limit <n>', 'show at most so many', wholeNumber(1, PAGE_ENTRIES_MAX))
    .option('--cursor <cursor>', 'go on where the page before ended (nextCursor)');
  ls.action(async (options: ListOptions) => {
    const cli = new Cli(ls);
    if (cli.json) cli.print((await page(cli, options)).text);
    else cli.print(render(cli, await entriesOf(cli, options)));
  });
  examples(ls, ['fdb ls', 'fdb ls --vlan 10 --port red', 'fdb ls --json --limit 100']);
  const flush = addFilters(fdb.command('flush').description('forget learned addresses: all, or those that match'));
  flush.action(async (filter: Filter) => {
    const cli = new Cli(flush);
    const answer = await cli.client.send<{ removed: number }>('POST', '/v1/fdb/flush', filter);
    cli.show(answer, ({ removed }) => `${removed} ${removed === 1 ? 'entry' : 'entries'} removed`);
  });
  examples(flush, ['fdb flush', 'fdb flush --port red', 'fdb flush --vlan 10']);
}

function addFilters(command: Command): Command {
  return command
    .option('--vlan <vid>', 'only of this VLAN', parseVid)
    .option('--port <name>', 'only of this port')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(['dynamic']));
}

function page(cli: Cli, options: ListOptions) {
  return cli.client.get<FdbPage>('/v1/fdb', { limit: PAGE_ENTRIES_MAX, ...options });
}

/** All entries, page after page; one page if a limit is given. */
async function entriesOf(cli: Cli, options: ListOptions): Promise<FdbEntryView[]> {
  const first = (await page(cli, options)).body;
  const entries = [...first.entries];
  let { nextCursor } = first;
  while (nextCursor !== null && options.limit === undefined) {
    const { body }: { body: FdbPage } = await page(cli, { ...options, cursor: nextCursor });
    for (const entry of body.entries) entries.push(entry);
    nextCursor = body.nextCursor;
  }
  return entries;
}

function render(cli: Cli, entries: readonly FdbEntryView[]): string {
  if (entries.length === 0) return 'no entries';
  return cli.table(
    ['MAC', 'VLAN', 'PORT', 'KIND', 'AGE (s)'],
    entries.map(({ mac, vlan, port, kind, ageSeconds }) => [mac, vlan, port, kind, Math.round(ageSeconds)]),
  );
}
