/** network: what `docker network` has, for namespaces. */
import { Option } from 'commander';
import type { Command } from 'commander';
import { MTU_MAX, MTU_MIN } from '../../limits.ts';
import type { RateLimits } from '../../control/model.ts';
import type { ConnectRequest, EndpointView, NetworkRequest, NetworkView, Pruned } from '../../networks/model.ts';
import { NETWORK_DRIVERS } from '../../networks/model.ts';
import { parsePublished } from '../../networks/gateway/published-text.ts';
import { contains, parseAddress, parseSubnet } from '../../networks/addresses/subnet.ts';
import { Cli, examples } from '../cli.ts';
import { UsageError } from '../errors.ts';
import { describeEndpoint, dockerView, NETWORK_HEADS, networkRow, shortId } from '../network-view.ts';
import { addRateOptions } from '../rate-options.ts';
import { parseList, parseVid, wholeNumber } from '../values.ts';

interface CreateOptions extends Omit<NetworkRequest, 'name' | 'subnets' | 'labels'> {
  subnet?: string[];
  gateway?: string[];
  ipRange?: string[];
  auxAddress?: string[];
  label?: string[];
}

export interface ConnectOptions extends Pick<ConnectRequest, 'name' | 'mac' | 'ifname' | keyof RateLimits> {
  ip?: string[];
  alias?: string[];
  link?: string[];
  publish?: string[];
}

type Subnets = NonNullable<NetworkRequest['subnets']>;

export function addNetworkCommands(program: Command): void {
  const network = program.command('network').description('networks for namespaces and containers, as Docker has them');
  addCreate(network);
  addList(network);
  addInspect(network);
  addRemove(network);
  addConnect(network);
}

function addCreate(network: Command): void {
  const create = network
    .command('create <name>')
    .description('create a network: a VLAN of the switch with a pool of addresses, and the host as its gateway')
    .addOption(new Option('-d, --driver <driver>', 'kind of network (default: bridge)').choices(NETWORK_DRIVERS))
    .option('--subnet <cidr>', 'pool of addresses, IPv4 or IPv6; may be repeated (default: one is allotted)', parseList)
    .option('--gateway <ip>', "the host's address in a subnet; may be repeated (default: the first)", parseList)
    .option('--ip-range <cidr>', 'part of a subnet that addresses are chosen from; may be repeated', parseList)
    .option('--aux-address <name=ip>', 'address that is never chosen; may be repeated', collect)
    .option('--ipv6', 'allot a subnet of IPv6 too')
    .option('--vlan <vid>', 'VLAN of the switch (default: the highest that is not in use)', parseVid)
    .option('--internal', 'no way out and none in')
    .option('--isolated', 'members reach the gateway, but not each other')
    .option('--mtu <bytes>', "MTU of members' interfaces (default: 1500)", wholeNumber(MTU_MIN, MTU_MAX))
    .option('--no-dns', 'the gateway answers no names')
    .option('--label <key=value>', 'a label; may be repeated', collect);
  create.action(async (name: string, options: CreateOptions) => {
    const cli = new Cli(create);
    const request = networkRequest(name, options);
    cli.show(await cli.client.send<NetworkView>('POST', '/v1/networks', request), ({ id }) => id);
  });
  examples(create, [
    'network create web',
    'network create db --subnet 10.1.0.0/24 --ip-range 10.1.0.128/25 --internal',
    'network create dual --subnet 10.2.0.0/24 --subnet fd00:2::/64 --vlan 20',
  ]);
}

function addList(network: Command): void {
  const ls = network.command('ls').description('list networks').option('-q, --quiet', 'only ids');
  ls.action(async ({ quiet }: { quiet?: boolean }) => {
    const cli = new Cli(ls);
    const answer = await cli.client.get<{ networks: NetworkView[] }>('/v1/networks');
    cli.show(answer, ({ networks }) =>
      quiet ? networks.map(shortId).join('\n') : cli.table(NETWORK_HEADS, networks.map(networkRow)),
    );
  });
  examples(ls, ['network ls', 'network ls --quiet']);
}

function addInspect(network: Command): void {
  const inspect = network
    .command('inspect <network...>')
    .description("show all of networks as `docker network inspect` does; with --json, the API's own words");
  inspect.action(async (names: string[]) => {
    const cli = new Cli(inspect);
    const answers = [];
    for (const name of names) answers.push(await cli.client.get<NetworkView>(networkPath(name)));
    if (cli.json) return answers.forEach(({ text }) => cli.print(text));
    cli.print(
      JSON.stringify(
        answers.map(({ body }) => dockerView(body)),
        null,
        4,
      ),
    );
  });
  examples(inspect, ['network inspect bridge', 'network inspect web --json']);
}

function addRemove(network: Command): void {
  const rm = network.command('rm <network...>').description('remove networks that have no members');
  rm.action(async (names: string[]) => {
    const cli = new Cli(rm);
    for (const name of names) cli.show(await cli.client.send('DELETE', networkPath(name)), () => name);
  });
  examples(rm, ['network rm web']);
  const prune = network
    .command('prune')
    .description('remove all networks without members')
    .option('--pools', 'also give back pools of addresses that Docker asked for and has no network for here');
  prune.action(async ({ pools = false }: { pools?: boolean }) => {
    const cli = new Cli(prune);
    const answer = await cli.client.send<Pruned>('POST', `/v1/networks/prune${pools ? '?pools=true' : ''}`);
    cli.show(answer, (pruned) => {
      const lines = [...pruned.removed, ...pruned.pools.map((subnet) => `pool ${subnet}`)];
      return lines.length > 0 ? lines.join('\n') : 'every network has members';
    });
  });
  examples(prune, ['network prune']);
}

function addConnect(network: Command): void {
  const connect = addPlaceOptions(network.command('connect <network> <container>'))
    .description('connect a namespace to a network: a name under /run/netns, a path or a pid')
    .option('--name <name>', 'what the container is called (default: like its namespace)')
    .option('--ifname <ifname>', 'name of the interface in the namespace (default: eth0, or the next that is free)');
  connect.action(async (name: string, container: string, options: ConnectOptions) => {
    const cli = new Cli(connect);
    const request = { container, ...placeRequest(options) };
    const path = `${networkPath(name)}/connect`;
    cli.show(await cli.client.send<EndpointView>('POST', path, request), describeEndpoint);
  });
  examples(connect, [
    'network connect web red',
    'network connect web red --ip 10.1.0.7 --alias www --link blue:db --publish 8080:80',
    'network connect web red --ingress-rate 10mbit --egress-rate 100mbit',
    'network connect web /proc/4711/ns/net --name box',
  ]);
  const disconnect = network
    .command('disconnect <network> <container>')
    .description("take a container out of a network: its name there, or its namespace's");
  disconnect.action(async (name: string, container: string) => {
    const cli = new Cli(disconnect);
    const answer = await cli.client.send('POST', `${networkPath(name)}/disconnect`, { container });
    cli.show(answer, () => `${container}: disconnected from ${name}`);
  });
  examples(disconnect, ['network disconnect web red']);
}

export function addPlaceOptions(command: Command): Command {
  return addRateOptions(command)
    .option('--ip <address>', 'address, one of each subnet; may be repeated (default: the next free one)', parseList)
    .option('--alias <name>', 'further name in this network; may be repeated', parseList)
    .option('--link <other:alias>', 'name by which this container alone knows another; may be repeated', parseList)
    .option('-p, --publish <ports>', '[HOST-IP:]PORT:PORT[/tcp|/udp], ranges too; may be repeated', parseList)
    .option('--mac <mac>', 'MAC address (default: random)');
}

/** The body of POST /v1/networks that the flags mean. */
export function networkRequest(name: string, options: CreateOptions): NetworkRequest {
  const { subnet, gateway, ipRange, auxAddress, label, dns, ...rest } = options;
  const subnets: Subnets = (subnet ?? []).map((each) => ({ subnet: each }));
  for (const address of gateway ?? []) around(subnets, address, '--gateway').gateway = address;
  for (const range of ipRange ?? []) around(subnets, range, '--ip-range').ipRange = range;
  for (const [key, address] of pairs(auxAddress, '--aux-address')) {
    const owner = around(subnets, address, '--aux-address');
    owner.auxAddresses = { ...owner.auxAddresses, [key]: address };
  }
  return {
    name,
    ...rest,
    ...(subnets.length > 0 ? { subnets } : {}),
    ...(label ? { labels: Object.fromEntries(pairs(label, '--label')) } : {}),
    ...(dns === false ? { dns } : {}),
  };
}

/** The place in a network that the flags mean. */
export function placeRequest(options: ConnectOptions): Omit<ConnectRequest, 'container'> {
  const { ip, alias, link, publish, name, mac, ifname } = options;
  const { ingressRate, ingressBurst, egressRate, egressBurst } = options;
  return {
    ...(name === undefined ? {} : { name }),
    ...(mac === undefined ? {} : { mac }),
    ...(ifname === undefined ? {} : { ifname }),
    ...(ingressRate === undefined ? {} : { ingressRate }),
    ...(ingressBurst === undefined ? {} : { ingressBurst }),
    ...(egressRate === undefined ? {} : { egressRate }),
    ...(egressBurst === undefined ? {} : { egressBurst }),
    ...(ip ? { addresses: ip } : {}),
    ...(alias ? { aliases: alias } : {}),
    ...(link ? { links: link.map(parseLink) } : {}),
    ...(publish ? { publish: publish.map(parsePublished) } : {}),
  };
}

/** The subnet that the address, or the first one of the range, is in. */
function around(subnets: Subnets, text: string, flag: string): Subnets[number] {
  const address = parseAddress(text.split('/')[0] ?? '', flag);
  const found = subnets.find(({ subnet }) => contains(parseSubnet(subnet, '--subnet'), address));
  if (!found) throw new UsageError(`${flag} ${text} is in no --subnet that is given`);
  return found;
}

function pairs(texts: readonly string[] | undefined, flag: string): [string, string][] {
  return (texts ?? []).map((text) => {
    const at = text.indexOf('=');
    if (at < 1) throw new UsageError(`${flag} ${text}: write NAME=VALUE`);
    return [text.slice(0, at), text.slice(at + 1)];
  });
}

/** Repeated flags add up; a comma is part of the value. */
function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}

function parseLink(text: string): { container: string; alias: string } {
  const [container = '', alias = container, ...more] = text.split(':');
  if (container === '' || alias === '' || more.length > 0) throw new UsageError(`--link ${text}: write OTHER:ALIAS`);
  return { container, alias };
}

function networkPath(name: string): string {
  return `/v1/networks/${encodeURIComponent(name)}`;
}
