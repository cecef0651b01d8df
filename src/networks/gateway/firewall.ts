/** Tables of nftables, which is asked by its own program. Only tables that tswitch made are touched. */
import { TswitchError } from '../../control/errors.ts';
import { readNetdev } from '../../control/plumbing/netdev.ts';
import { runTool } from '../../control/plumbing/tool.ts';
import { GATEWAY_PREFIX } from '../names.ts';
import { deletionOf, TABLE_PREFIX } from './rules.ts';

/**
 * Carries out a ruleset: all of it, or nothing.
 *
 * @throws TswitchError NOT_SUPPORTED where `nft` is missing, NOT_PERMITTED, INTERNAL
 */
export async function applyRuleset(ruleset: string): Promise<void> {
  const { status, stderr } = await runTool('nft', ['-f', '-'], ruleset);
  if (status === 0) return;
  const refused = /Operation not permitted/.test(stderr);
  throw new TswitchError(
    refused ? 'NOT_PERMITTED' : 'INTERNAL',
    `nftables refused the rules of a network (${firstLine(stderr)})${refused ? ': tswitch needs CAP_NET_ADMIN' : ''}`,
    { output: stderr },
  );
}

export function deleteTable(table: string): Promise<void> {
  return applyRuleset(deletionOf(table));
}

/** The tables that networks have, of any daemon in this namespace. */
export async function networkTables(): Promise<string[]> {
  const answer = await runTool('nft', ['-j', 'list', 'tables', 'inet']).catch((error: unknown) => {
    // Where there is no `nft`, nobody has made a table.
    if (error instanceof TswitchError && error.code === 'NOT_SUPPORTED') return null;
    throw error;
  });
  if (answer?.status !== 0) return [];
  const { stdout } = answer;
  const { nftables } = JSON.parse(stdout) as { nftables: { table?: { name: string } }[] };
  return nftables.flatMap(({ table }) => (table?.name.startsWith(TABLE_PREFIX) ? [table.name] : []));
}

/**
 * Deletes the tables of daemons that were killed: a living one has the gateway's interface as long as the table.
 *
 * @returns their names
 */
export async function removeLeftTables(): Promise<string[]> {
  const left = (await networkTables()).filter((table) => {
    return !readNetdev(null, `${GATEWAY_PREFIX}${table.slice(TABLE_PREFIX.length)}`);
  });
  for (const table of left) await deleteTable(table);
  return left;
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? '';
}
