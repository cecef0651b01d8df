/** Examines the host and the ports, one examination at a time, and leaves nothing of its own behind. */
import { readdir } from 'node:fs/promises';
import { MTU_MAX } from '../../limits.ts';
import { ChangeQueue } from '../change-queue.ts';
import { TswitchError } from '../errors.ts';
import type { LogicView } from '../logic/model.ts';
import type { PortRequest, PortView, TapIo } from '../model.ts';
import { readNetdev } from '../plumbing/netdev.ts';
import { createNetns, type Netns, resolveNetns } from '../plumbing/netns.ts';
import { processStat } from '../plumbing/process-mark.ts';
import { runTool } from '../plumbing/tool.ts';
import { type Finding, onHost } from './finding.ts';
import { examineHost, readHostFacts } from './host.ts';
import { examinePort, type Side } from './port.ts';
import { LLDP_TEXT } from './probes.ts';

/** What the doctor needs of the switch. */
export interface Patient {
  ports(): PortView[];
  port(name: string): PortView;
  /** A port that is no part of the configuration. */
  addTemporaryPort(request: PortRequest): Promise<PortView>;
  removePort(name: string): Promise<void>;
  settings(): { reservedAddresses: { forward: string[] }; tapIo: TapIo };
  logics(): Pick<LogicView, 'name' | 'missing'>[];
}

const NETNS_PREFIX = 'tswitch-doctor-';
const PORT_NAME = 'tswitch-doctor';
const IFNAME = 'eth0';

export class Doctor {
  readonly #patient: Patient;
  readonly #queue = new ChangeQueue();

  constructor(patient: Patient) {
    this.#patient = patient;
  }

  /**
   * @param name of the port to examine; left out: all of them
   * @throws TswitchError PORT_NOT_FOUND
   */
  examine(name?: string): Promise<Finding[]> {
    return this.#queue.run(async () => {
      const ports = name === undefined ? this.#patient.ports() : [this.#patient.port(name)];
      const findings = [
        ...examineHost(readHostFacts(this.#patient.settings().tapIo)),
        ...this.#patient.logics().flatMap(missedLogics),
      ];
      for (const port of ports) findings.push(...(await this.#examine(port)));
      return findings;
    });
  }

  async #examine(port: PortView): Promise<Finding[]> {
    await using undo = new AsyncDisposableStack();
    try {
      return await examinePort(port, {
        partner: () => this.#makePartner(port, undo),
        drops: (of) => this.#patient.port(of).stats.drops,
        forwardsReserved: this.#patient.settings().reservedAddresses.forward.includes(LLDP_TEXT),
      });
    } catch (error) {
      if (!(error instanceof TswitchError)) throw error;
      // Whatever stands in the way is what the user wants to know, of this port as of the others.
      return [{ port: port.name, check: 'probes', verdict: 'unknown', text: error.message, fix: null }];
    }
  }

  /** A port like the one examined, with its far end in a namespace of the doctor's own. */
  async #makePartner({ mode, vlan, trunks, cvlans, tpid }: PortView, undo: AsyncDisposableStack): Promise<Side> {
    await removeLeftNamespaces();
    const name = `${NETNS_PREFIX}${process.pid}`;
    await createNetns(name);
    undo.defer(() => deleteNetns(name));
    const { name: port } = await this.#patient.addTemporaryPort({
      name: PORT_NAME,
      kind: 'veth',
      netns: name,
      ifname: IFNAME,
      mtu: MTU_MAX,
      ...{ mode, vlan, trunks, cvlans, tpid },
      floodBroadcast: false,
    });
    undo.defer(() => this.#patient.removePort(port));
    const netns = await resolveNetns(name);
    undo.defer(() => netns.close());
    return { port, netns, netdev: netdevIn(netns) };
  }
}

/** Kept logics that are not in force. */
function missedLogics({ name, missing }: Pick<LogicView, 'name' | 'missing'>): Finding[] {
  return missing.flatMap(({ state, reason }) => {
    if (reason === null) return [];
    const fix = `mend the file and \`tswitch logic load\` it, or \`tswitch logic unload ${name}\``;
    return [onHost(`logic ${name}`, 'broken', `it is to be ${state}, and is not: ${reason}`, fix)];
  });
}

function netdevIn(netns: Netns): Side['netdev'] {
  const netdev = readNetdev(netns, IFNAME);
  if (!netdev) throw new TswitchError('NETDEV_NOT_FOUND', `${IFNAME} vanished from ${netns.spec}: try again`);
  return netdev;
}

/** Of daemons that ended while they examined a port. */
async function removeLeftNamespaces(): Promise<void> {
  const names = await listNetns();
  const left = names.filter((name) => {
    const pid = Number(name.startsWith(NETNS_PREFIX) ? name.slice(NETNS_PREFIX.length) : Number.NaN);
    return Number.isInteger(pid) && (pid === process.pid || processStat(pid) === null);
  });
  for (const name of left) await deleteNetns(name);
}

async function listNetns(): Promise<string[]> {
  return readdir('/run/netns').catch(() => []);
}

async function deleteNetns(name: string): Promise<void> {
  await runTool('ip', ['netns', 'del', name]);
}
