/** drops: why frames were dropped, with the last of them. */
import type { Command } from 'commander';
import type { DropSample, DropView, StatsView } from '../../control/model.ts';
import { Cli, examples } from '../cli.ts';
import { printable } from '../output.ts';

export function addDropsCommand(program: Command): void {
  const drops = program
    .command('drops')
    .description('show why frames were dropped, on which ports, and the last of them for each reason');
  drops.action(async () => {
    const cli = new Cli(drops);
    const answer = await cli.client.get<{ drops: DropView[] }>('/v1/drops');
    if (cli.json) return cli.print(answer.text);
    const stats = await cli.client.get<StatsView>('/v1/stats');
    cli.print(render(cli, answer.body.drops, stats.body.ports));
  });
  examples(drops, ['drops', 'drops --json']);
}

function render(cli: Cli, drops: readonly DropView[], ports: StatsView['ports']): string {
  const happened = drops.filter(({ count }) => count > 0).toSorted((a, b) => b.count - a.count);
  if (happened.length === 0) return 'nothing was dropped';
  const onPorts = (reason: string): string =>
    Object.entries(ports)
      .flatMap(([name, port]) => (port.drops[reason] ? [`${name} ${port.drops[reason]}`] : []))
      .join(', ') || 'removed ports';
  const table = cli.table(
    ['REASON', 'FRAMES', 'ON PORTS', 'MEANING'],
    happened.map(({ reason, count, sentence }) => [reason, count, onPorts(reason), sentence]),
  );
  const [heads = '', ...rows] = table.split('\n');
  return [heads, ...rows.flatMap((row, index) => [row, ...(happened[index]?.samples ?? []).map(sampleLine)])].join(
    '\n',
  );
}

function sampleLine({ time, port, length, summary }: DropSample): string {
  return printable(`  ${time}  ${port}  ${length} bytes  ${summary}`);
}
