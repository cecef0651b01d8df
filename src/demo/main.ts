/**
 * `npm start`: a switch, three namespaces in one subnet and two VLANs, plugged in by the commands that a user types,
 * and the proof that frames cross inside a VLAN and not between them. Stays until Ctrl-C, then removes all it made.
 */
import { constants } from 'node:os';
import { parseArgs, styleText } from 'node:util';
import { assertPrivileges } from '../control/plumbing/capabilities.ts';
import { isAsExpected, ping, tcp } from './proof.ts';
import type { Host } from './proof.ts';
import { run } from './processes.ts';
import { Stage, TSWITCH } from './stage.ts';

const SOCKET_DEFAULT = '/run/tswitch/api.sock';
const SOCKET = process.env['TSWITCH_SOCKET'] || SOCKET_DEFAULT;

const RED: Host = { name: 'red', netns: 'tsw-red', address: '10.0.0.1', vlan: 10 };
const BLUE: Host = { name: 'blue', netns: 'tsw-blue', address: '10.0.0.2', vlan: 10 };
const GREEN: Host = { name: 'green', netns: 'tsw-green', address: '10.0.0.3', vlan: 20 };
const HOSTS = [RED, BLUE, GREEN];

const USAGE = `Usage: npm start [-- --once]
  --once  end after the proof: exit code 0, or 1 if it failed`;

const say = (line = ''): void => console.log(line);
const title = (line: string): void => say(`\n${styleText('bold', line)}`);

/** Aborted, with the signal's name as the reason, by what ends the demo. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop.abort(name));
  // A terminal that was closed must not keep us from removing what we made.
  process.stdout.on('error', () => undefined);
  process.stderr.on('error', () => undefined);
  return stop.signal;
}

async function tswitch(args: string[], stop: AbortSignal): Promise<string> {
  return run(process.execPath, [TSWITCH, ...args, '--socket', SOCKET], stop);
}

async function setUp(stage: Stage, stop: AbortSignal): Promise<void> {
  title('Three namespaces, one subnet, two VLANs, one switch');
  for (const { netns } of HOSTS) {
    say(`  $ ip netns add ${netns}`);
    await stage.addNamespace(netns);
  }
  say('  $ tswitch serve &');
  await stage.startDaemon(stop);
  for (const { netns, address, vlan } of HOSTS) {
    const args = ['plug', netns, '--ip', `${address}/24`, '--vlan', String(vlan)];
    say(`  $ tswitch ${args.join(' ')}`);
    await tswitch(args, stop);
  }
}

/** Prints one line of the proof and gives `passed` back. */
function check(passed: boolean, what: string, result: string): boolean {
  say(`  ${passed ? styleText('green', 'ok    ') : styleText('red', 'FAILED')}  ${what.padEnd(18)} ${result}`);
  return passed;
}

async function prove(stop: AbortSignal): Promise<boolean> {
  title('Proof');
  const ways = [
    [RED, BLUE],
    [BLUE, RED],
    [RED, GREEN],
    [GREEN, RED],
  ] as const;
  const results = await Promise.all(ways.map(([from, to]) => ping(from, to, stop)));
  let passed = true;
  for (const [i, [from, to]] of ways.entries()) {
    const pings = results[i]!;
    const { sent, received, duplicates, meanMs } = pings;
    const answers = `${received} of ${sent} pings answered${duplicates > 0 ? `, ${duplicates} more than once` : ''}`;
    const isTogether = from.vlan === to.vlan;
    const why = isTogether ? `${meanMs ?? '-'} ms on average` : `VLAN ${from.vlan} is not VLAN ${to.vlan}`;
    passed = check(isAsExpected(pings, isTogether), `${from.name} -> ${to.name}`, `${answers}, ${why}`) && passed;
  }
  const gigabits = (await tcp(RED, BLUE, stop)) / 1e9;
  return check(gigabits > 0, `TCP ${RED.name} -> ${BLUE.name}`, `${gigabits.toFixed(1)} Gbit/s, one flow`) && passed;
}

async function showTables(stop: AbortSignal): Promise<void> {
  for (const args of [
    ['port', 'ls'],
    ['fdb', 'ls'],
  ]) {
    title(`$ tswitch ${args.join(' ')}`);
    say((await tswitch(args, stop)).trimEnd().replaceAll(/^/gm, '  '));
  }
}

function showApi(): void {
  title(`The API is on the Unix socket ${SOCKET}`);
  say(`  $ curl --unix-socket ${SOCKET} http://localhost/v1/ports`);
}

function showWhatToTry(): void {
  const socket = SOCKET === SOCKET_DEFAULT ? '' : ` --socket ${SOCKET}`;
  title('Try, in another terminal');
  say(`  $ ip netns exec ${RED.netns} ping ${BLUE.address}`);
  say(`  $ npx tswitch stats --watch${socket}`);
  say(`  $ npx tswitch port set ${GREEN.netns} --vlan ${RED.vlan}${socket}     # now red reaches green`);
  say(`\n${styleText('bold', 'Ctrl-C')} ends the demo and removes everything it made.`);
}

/** Until a signal comes; throws if the daemon ends before. */
async function stay(stage: Stage, stop: AbortSignal): Promise<void> {
  const told = new Promise<null>((resolve) => {
    if (stop.aborted) resolve(null);
    stop.addEventListener('abort', () => resolve(null));
  });
  const words = await Promise.race([told, stage.daemonEnd]);
  if (words !== null) throw new Error(`the daemon has ended: ${words}`);
}

/** Gives the exit code. */
async function demo(once: boolean, stop: AbortSignal): Promise<number> {
  assertPrivileges();
  const stage = await Stage.take(
    SOCKET,
    HOSTS.map(({ netns }) => netns),
    say,
  );
  try {
    await setUp(stage, stop);
    const passed = await prove(stop);
    await showTables(stop);
    showApi();
    if (!once) {
      showWhatToTry();
      await stay(stage, stop);
    }
    return passed ? 0 : 1;
  } catch (error) {
    if (stop.aborted) return 128 + constants.signals[stop.reason as NodeJS.Signals];
    throw error;
  } finally {
    await stage.clear();
    say('\nRemoved the switch and the namespaces.');
  }
}

/** null: wrong usage. */
function parseCommandLine(): { once: boolean; help: boolean } | null {
  try {
    const { values } = parseArgs({ options: { once: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } });
    return { once: values.once ?? false, help: values.help ?? false };
  } catch {
    return null;
  }
}

const options = parseCommandLine();
if (!options) {
  console.error(USAGE);
  process.exitCode = 2;
} else if (options.help) {
  say(USAGE);
} else {
  try {
    process.exitCode = await demo(options.once, stopSignal());
  } catch (error) {
    console.error(`tswitch demo: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
