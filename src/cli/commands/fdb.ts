/** fdb ls, add, rm and flush: the MAC table. */
import { InvalidArgumentError, Option } from 'commander';
import type { Command } from 'commander';
import { FDB_KINDS } from '../../control/model.ts';
import type { FdbEntryView, FdbPage } from '../../control/model.ts';
import { Cli, examples } from '../cli.ts';
import { CliError, RefusedError } from '../errors.ts';
import { parseVid, wholeNumber } from '../values.ts';
import { showOrWatch, type Watch, watchOption } from '../watch.ts';

/** Entries per request: what the route gives at most. */
const PAGE_ENTRIES_MAX = 10_000;

interface Filter {
  mac?: string;
  vlan?: number;
  port?: string;
  kind?: string;
}

interface ListOptions extends Filter {
  limit?: number;
  cursor?: string;
}

interface AddOptions {
  port: string;
  vlan?: number;
  sticky?: boolean;
}

export function addFdbCommands(program: Command): void {
  const fdb = program.command('fdb').description('show and change the MAC table');
  const ls = addFilters(fdb.command('ls').description('list MAC addresses, learned and given'))
    .option('--mac <mac>', 'only of this address', parseMac)
    .option('--limit <n>', 'show at most so many', wholeNumber(1, PAGE_ENTRIES_MAX))
    .option('--cursor <cursor>', 'go on where the page before ended (nextCursor)')
    .addOption(watchOption());
  ls.action(async ({ watch: every, ...options }: ListOptions & { watch?: Watch }) => {
    const cli = new Cli(ls);
    await showOrWatch(cli, every, async () => {
      if (cli.json) return { text: '', json: (await page(cli, options)).text };
      return { text: render(cli, await entriesOf(cli, options)), json: '' };
    });
  });
  examples(ls, [
    'fdb ls',
    'fdb ls --vlan 10 --port red',
    'fdb ls --kind static',
    'fdb ls --json --limit 100',
    'fdb ls --watch',
  ]);
  addAdd(fdb);
  addRm(fdb);
  const flush = addFilters(
    fdb.command('flush').description('forget addresses: all that were learned, or those that match'),
  );
  flush.action(async (filter: Filter) => {
    const cli = new Cli(flush);
    const answer = await cli.client.send<{ removed: number }>('POST', '/v1/fdb/flush', filter);
    cli.show(answer, ({ removed }) => `${removed} ${removed === 1 ? 'entry' : 'entries'} removed`);
  });
  examples(flush, ['fdb flush', 'fdb flush --port red', 'fdb flush --vlan 10', 'fdb flush --kind sticky']);
}

function addAdd(fdb: Command): void {
  const add = fdb
    .command('add')
    .description('give an entry: the address is on this port, and no frame moves it')
    .argument('<mac>', 'MAC address', parseMac)
    .requiredOption('--port <port>', 'where the address is')
    .option('--vlan <vid>', "VLAN (default: the port's)", parseVid)
    .option('--sticky', 'let it age like a learned one; without this flag it is static and stays');
  add.action(async (mac: string, { sticky, ...fields }: AddOptions) => {
    const cli = new Cli(add);
    const request = { mac, ...fields, kind: sticky ? 'sticky' : 'static' };
    cli.show(
      await cli.client.send<FdbEntryView>('POST', '/v1/fdb', request),
      ({ vlan, port, kind }) => `${mac}: ${kind}, VLAN ${vlan}, port ${port}`,
    );
  });
  examples(add, ['fdb add 02:00:00:00:00:01 --port red', 'fdb add 02:00:00:00:00:01 --port uplink --vlan 10 --sticky']);
}

function addRm(fdb: Command): void {
  const rm = fdb
    .command('rm')
    .description('remove the entries of an address, learned or given')
    .argument('<mac>', 'MAC address', parseMac)
    .option('--vlan <vid>', 'only of this VLAN (default: of all)', parseVid);
  rm.action(async (mac: string, { vlan }: { vlan?: number }) => {
    const cli = new Cli(rm);
    const vlans = vlan === undefined ? await removeAll(cli, mac) : [vlan];
    if (vlan !== undefined) await cli.client.send('DELETE', entryPath(vlan, mac));
    if (!cli.json) cli.print(`${mac}: removed from VLAN ${vlans.join(', ')}`);
  });
  examples(rm, ['fdb rm 02:00:00:00:00:01', 'fdb rm 02:00:00:00:00:01 --vlan 10']);
}

/** Every VLAN's entry of the address. @returns the VLANs that had one */
async function removeAll(cli: Cli, mac: string): Promise<number[]> {
  const removed: number[] = [];
  for (const { vlan } of await entriesOf(cli, { mac })) {
    if (await isRemoved(cli, vlan, mac)) removed.push(vlan);
  }
  if (removed.length === 0) throw new CliError(`there is no entry of ${mac}; \`tswitch fdb ls\` shows all`);
  return removed;
}

/** @returns false if the entry went by itself meanwhile */
async function isRemoved(cli: Cli, vlan: number, mac: string): Promise<boolean> {
  try {
    await cli.client.send('DELETE', entryPath(vlan, mac));
    return true;
  } catch (error) {
    if (error instanceof RefusedError && error.code === 'FDB_ENTRY_NOT_FOUND') return false;
    throw error;
  }
}

function entryPath(vlan: number, mac: string): string {
  return `/v1/fdb/${vlan}/${mac}`;
}

/** @throws InvalidArgumentError where `text` is no MAC address */
function parseMac(text: string): string {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text)) {
    throw new InvalidArgumentError('Give a MAC address like 02:00:00:00:00:01.');
  }
  return text.toLowerCase();
}

function addFilters(command: Command): Command {
  return command
    .option('--vlan <vid>', 'only of this VLAN', parseVid)
    .option('--port <port>', 'only of this port')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(FDB_KINDS));
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
