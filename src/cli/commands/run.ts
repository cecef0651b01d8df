/** run, ps, stop, rm, exec: commands in namespaces of their own. Not a container runtime: no images, no cgroups. */
import { once } from 'node:events';
import type { Command } from 'commander';
import type { ContainerRequest, ContainerView } from '../../networks/model.ts';
import { formatPublished } from '../../networks/gateway/published-text.ts';
import { Cli, examples } from '../cli.ts';
import { outcomeOf, startBeside, startCommand } from '../container-command.ts';
import { CliError, RefusedError } from '../errors.ts';
import { shortId } from '../network-view.ts';
import { parseList, wholeNumber } from '../values.ts';
import { addPlaceOptions, type ConnectOptions, placeRequest } from './network.ts';
import { parseNic } from './nic.ts';

const STOP_SECONDS_MAX = 60;

interface RunOptions extends Omit<ConnectOptions, 'ifname'> {
  network?: string;
  hostname?: string;
  nic?: string[];
  rm?: boolean;
  detach?: boolean;
}

export function addRunCommands(program: Command): void {
  addRun(program);
  addPs(program);
  const stop = program
    .command('stop <container...>')
    .description('end containers: by SIGTERM, and after a while by force, with all they left in their namespaces')
    .option('-t, --time <seconds>', 'how long they may take (default: 10)', wholeNumber(0, STOP_SECONDS_MAX));
  stop.action(async (names: string[], { time }: { time?: number }) => {
    const cli = new Cli(stop);
    const request = time === undefined ? {} : { seconds: time };
    for (const name of names)
      cli.show(await cli.client.send('POST', `${containerPath(name)}/stop`, request), () => name);
  });
  examples(stop, ['stop web', 'stop --time 1 web db']);
  const rm = program
    .command('rm <container...>')
    .description('remove containers with their namespaces and places in networks')
    .option('-f, --force', 'also those that run');
  rm.action(async (names: string[], { force = false }: { force?: boolean }) => {
    const cli = new Cli(rm);
    for (const name of names) {
      cli.show(await cli.client.send('DELETE', `${containerPath(name)}?force=${force}`), () => name);
    }
  });
  examples(rm, ['rm web', 'rm --force web']);
  const exec = program
    .command('exec <container> <command...>')
    .description('run a further command in a container that runs; put -- before it if it has options');
  exec.action(async (name: string, command: string[]) => {
    const cli = new Cli(exec);
    const { body } = await cli.client.get<ContainerView>(containerPath(name));
    await outcomeOf(startBeside(body, command));
  });
  examples(exec, ['exec web ip address', 'exec web -- ping -c 1 db']);
}

function addRun(program: Command): void {
  const run = addPlaceOptions(program.command('run <command...>'))
    .description('run a command in a network namespace of its own, in a network; put -- before it if it has options')
    .option('--network <network>', 'the network; host: none of its own; none: alone (default: bridge)')
    .option('--name <name>', 'name of the container, by which others find it (default: made up)')
    .option('--hostname <name>', 'its host name (default: its name)')
    .option('--nic <if[=cidr]>', 'NIC of the host that it has for itself, and an address; may be repeated', parseList)
    .option('--rm', 'remove it when the command has ended')
    .option('-d, --detach', 'leave it running, and print its id');
  run.action(async (command: string[], options: RunOptions) => {
    const cli = new Cli(run);
    if (process.getuid?.() !== 0) throw new CliError('run starts the command itself, so it must be run as root');
    const { network, hostname, nic, rm = false, detach = false } = options;
    const request: ContainerRequest = {
      ...placeRequest(options),
      command,
      ...(network === undefined ? {} : { network }),
      ...(hostname === undefined ? {} : { hostname }),
      ...(nic ? { nics: nic.map(parseNic) } : {}),
      autoRemove: rm,
    };
    const { body: container } = await cli.client.send<ContainerView>('POST', '/v1/containers', request);
    await start(cli, container, { rm, detach });
  });
  examples(run, [
    'run --rm --network web -- ping db',
    'run --detach --name db --network web --publish 5432:5432 -- postgres -D /var/lib/db',
    'run --network none --hostname alone -- sh',
    'run --rm --network none --nic eth1=192.0.2.5/24 -- ping 192.0.2.1',
  ]);
}

async function start(cli: Cli, container: ContainerView, { rm, detach }: { rm: boolean; detach: boolean }) {
  const path = containerPath(container.name);
  try {
    const child = startCommand(container, detach);
    const ended = detach ? null : outcomeOf(child);
    // Waited for below; until then it may fail without anybody listening.
    ended?.catch(() => undefined);
    await once(child, 'spawn');
    const answer = await cli.client
      .send<ContainerView>('POST', `${path}/started`, { pid: child.pid })
      .catch((error: unknown) => {
        // It has ended already: what it says by that is said below.
        if (error instanceof RefusedError && error.code === 'BAD_REQUEST') return null;
        throw error;
      });
    if (ended) return await ended;
    child.unref();
    if (!answer) throw new CliError(`the command ended at once; run it without --detach to see why`);
    cli.show(answer, ({ id }) => id);
  } finally {
    if (rm && !detach) await removeQuietly(cli, path);
  }
}

/** The daemon looks after it too, and may have been quicker. */
async function removeQuietly(cli: Cli, path: string): Promise<void> {
  try {
    await cli.client.send('DELETE', `${path}?force=true`);
  } catch (error) {
    if (!(error instanceof RefusedError && error.code === 'CONTAINER_NOT_FOUND')) throw error;
  }
}

function addPs(program: Command): void {
  const ps = program
    .command('ps')
    .description('list the containers that run')
    .option('-a, --all', 'also those that do not')
    .option('-q, --quiet', 'only ids');
  ps.action(async ({ all, quiet }: { all?: boolean; quiet?: boolean }) => {
    const cli = new Cli(ps);
    const answer = await cli.client.get<{ containers: ContainerView[] }>('/v1/containers');
    cli.show(answer, ({ containers }) => {
      const shown = containers.filter(({ state }) => all || state === 'running');
      if (quiet) return shown.map(shortId).join('\n');
      return cli.table(
        ['CONTAINER ID', 'NAME', 'COMMAND', 'CREATED', 'STATE', 'NETWORK', 'ADDRESSES', 'PORTS'],
        shown.map(rowOf),
      );
    });
  });
  examples(ps, ['ps', 'ps --all']);
}

function rowOf(container: ContainerView): string[] {
  const { name, command, created, state, network, endpoints } = container;
  const addresses = endpoints.flatMap((endpoint) => endpoint.addresses).join(', ');
  const ports = endpoints.flatMap(({ published }) => published.map(formatPublished)).join(', ');
  return [shortId(container), name, command.join(' '), created, state, network, addresses || '-', ports || '-'];
}

function containerPath(name: string): string {
  return `/v1/containers/${encodeURIComponent(name)}`;
}
