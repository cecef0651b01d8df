/** nic: NICs of the host that namespaces have for themselves. */
import type { Command } from 'commander';
import type { ContainerRequest, NicRequest, NicView } from '../../networks/model.ts';
import { Cli, examples } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { parseList } from '../values.ts';

interface ConnectOptions extends Pick<NicRequest, 'ifname' | 'gateway' | 'force'> {
  ip?: string[];
}

export function addNicCommands(program: Command): void {
  const nic = program.command('nic').description('NICs of the host that containers have for themselves');
  const ls = nic.command('ls').description('list the NICs that containers have');
  ls.action(async () => {
    const cli = new Cli(ls);
    const answer = await cli.client.get<{ nics: NicView[] }>('/v1/nics');
    cli.show(answer, ({ nics }) =>
      cli.table(['NIC', 'CONTAINER', 'IFNAME', 'MAC', 'ADDRESSES', 'STATE'], nics.map(rowOf)),
    );
  });
  examples(ls, ['nic ls']);
  addConnect(nic);
  const disconnect = nic
    .command('disconnect <if>')
    .description('bring a NIC back to the host, with its name and addresses');
  disconnect.action(async (name: string) => {
    const cli = new Cli(disconnect);
    cli.show(await cli.client.send('POST', `${nicPath(name)}/disconnect`), () => `${name}: back in the host`);
  });
  examples(disconnect, ['nic disconnect eth1']);
}

function addConnect(nic: Command): void {
  const connect = nic
    .command('connect <if> <container>')
    .description('give a NIC whole to a namespace: a name under /run/netns, a path or a pid')
    .option('--ifname <ifname>', 'its name there (default: the one that it has)')
    .option('--ip <cidr>', 'address there, with prefix length; may be repeated', parseList)
    .option('--gateway <ip>', 'default route there')
    .option('--force', "even if the host's default route goes by it");
  connect.action(async (name: string, container: string, { ip, ...options }: ConnectOptions) => {
    const cli = new Cli(connect);
    const request: NicRequest = { container, ...options, ...(ip ? { addresses: ip } : {}) };
    const answer = await cli.client.send<NicView>('POST', `${nicPath(name)}/connect`, request);
    cli.show(answer, ({ netns, ifname, addresses, mac }) =>
      [`${name}: ${netns}/${ifname}`, ...addresses, mac].join(', '),
    );
  });
  examples(connect, [
    'nic connect eth1 red',
    'nic connect eth1 red --ifname wan0 --ip 192.0.2.5/24 --gateway 192.0.2.1',
  ]);
}

/** NIC, or NIC=ADDRESS. */
export function parseNic(text: string): NonNullable<ContainerRequest['nics']>[number] {
  const [nic = '', address, ...more] = text.split('=');
  if (nic === '' || address === '' || more.length > 0) throw new UsageError(`--nic ${text}: write NIC or NIC=ADDRESS`);
  return { nic, ...(address === undefined ? {} : { addresses: [address] }) };
}

function rowOf({ name, netns, ifname, mac, addresses, state }: NicView): string[] {
  return [name, netns, ifname, mac, addresses.join(', ') || '-', state];
}

function nicPath(name: string): string {
  return `/v1/nics/${encodeURIComponent(name)}`;
}
