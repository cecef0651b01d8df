/** Values that exist at the moment, for completion. Whatever cannot be asked is left out: a half-written line is no place for errors. */
import { readdir } from 'node:fs/promises';
import type { TokenView } from '../../api/tokens.ts';
import type { LogicView } from '../../control/logic/model.ts';
import type { CaptureView, PortView, VlanView } from '../../control/model.ts';
import type { ContainerView, NetworkView } from '../../networks/model.ts';
import { Client } from '../client.ts';
import { describePort } from '../port-view.ts';
import type { Candidate, LiveValues } from './complete.ts';
import type { Line } from './line.ts';

/** Who presses a key does not wait longer. */
const ANSWER_MS_MAX = 1000;

/** @param clientOf of the daemon that a line without --socket and --url would talk to */
export function liveValues(clientOf: (answerMsMax: number) => Client): LiveValues {
  const client = (line: Line): Client => namedClient(line) ?? clientOf(ANSWER_MS_MAX);
  return {
    port: orNone(async (line) => {
      const { ports } = (await client(line).get<{ ports: PortView[] }>('/v1/ports')).body;
      return ports.map((port) => ({ value: port.name, about: describePort(port).slice(port.name.length + 2) }));
    }),
    vid: orNone(async (line) => {
      const { vlans } = (await client(line).get<{ vlans: VlanView[] }>('/v1/vlans')).body;
      return vlans.map(({ vlan, ports }) => ({ value: String(vlan), about: ports.map(({ name }) => name).join(', ') }));
    }),
    token: orNone(async (line) => {
      const { tokens } = (await client(line).get<{ tokens: TokenView[] }>('/v1/tokens')).body;
      return tokens.map(({ name, readOnly, logic }) => ({
        value: name,
        about: readOnly ? 'may read' : logic ? 'may read, change and load logics' : 'may read and change',
      }));
    }),
    network: orNone(async (line) => {
      const { networks } = (await client(line).get<{ networks: NetworkView[] }>('/v1/networks')).body;
      return networks.map(({ name, driver }) => ({ value: name, about: driver }));
    }),
    container: orNone(async (line) => {
      const { containers } = (await client(line).get<{ containers: ContainerView[] }>('/v1/containers')).body;
      return containers.map(({ name, state }) => ({ value: name, about: state }));
    }),
    logic: orNone(async (line) => {
      const { logics } = (await client(line).get<{ logics: LogicView[] }>('/v1/logic')).body;
      return logics.map(({ name, live, shadow }) => {
        return { value: name, about: live ? 'live' : shadow ? 'in shadow' : 'not in force' };
      });
    }),
    capture: orNone(async (line) => {
      const { captures } = (await client(line).get<{ captures: CaptureView[] }>('/v1/captures')).body;
      return captures.map(({ id, state }) => ({ value: id, about: state }));
    }),
    netns: orNone(async () => (await readdir('/run/netns')).toSorted().map(plain)),
    if: orNone(async () => (await readdir('/sys/class/net')).toSorted().map(plain)),
  };
}

/** The daemon that the line itself names. */
function namedClient({ given }: Line): Client | null {
  const [socket, url] = [given.get('socket'), given.get('url')];
  if (typeof socket === 'string') return new Client({ socket }, ANSWER_MS_MAX);
  const parsed = typeof url === 'string' ? URL.parse(url) : null;
  return parsed && new Client({ url: parsed, token: process.env.TSWITCH_TOKEN || undefined }, ANSWER_MS_MAX);
}

function plain(value: string): Candidate {
  return { value, about: '' };
}

function orNone(ask: (line: Line) => Promise<Candidate[]>): (line: Line) => Promise<Candidate[]> {
  return (line) => ask(line).catch(() => []);
}
