/**
 * The ports' life cycle: adding, changing, removing, and beginning with those of an earlier life; what happens to them by
 * themselves is in port-links.ts. Every change runs in the queue of changes (what callers ask for, in a change of theirs),
 * reaches the workers as commands, and is true for its caller once all of them have acknowledged.
 */
import type { Command, PortConfig } from '../shared/commands.ts';
import { DropSamples } from '../shared/drop-samples.ts';
import type { KeptSockets } from './attach/kept-sockets.ts';
import type { NetnsMemory } from './attach/netns-memory.ts';
import type { ChangeQueue } from './change-queue.ts';
import { portStats } from './counters.ts';
import type { Log } from './log.ts';
import type { OffloadName, PortKind, PortPatch, PortRequest, PortView } from './model.ts';
import type { Owner } from './plumbing/ownership.ts';
import { PortCounts } from './port-counts.ts';
import { type Attached, PortLinks } from './port-links.ts';
import { PortOrders, type PortOrdersOptions } from './port-orders.ts';
import { newRecord, offloadsOf, type PortRecord, settingsOf, type WishedBy } from './port-record.ts';
import { PortRegistry } from './port-registry.ts';
import { applyPatch, normalizePortRequest, type NormalPortRequest } from './port-request.ts';
import { LIMIT_FIELDS, limitsIn, refuseUnlimitable } from './rate-limits.ts';
import { someAtATime } from './turns.ts';
import { portView } from './views.ts';

/**
 * Ports that are attached at the same time when a daemon begins, and let go of when it ends: most of it is waiting for other
 * programs and for the kernel.
 */
const PORTS_AT_A_TIME = 16;

/** A port that a daemon begins with. */
export interface BeginningPort {
  /** With a MAC address for its far end. */
  request: NormalPortRequest;
  /** What was known of its namespace. */
  remembered: NetnsMemory | null;
  wishedBy: WishedBy;
}

export interface AddOptions {
  wishedBy?: WishedBy;
  /** A port that cannot be attached now is added all the same, as a lost one, which comes back by itself. */
  orLost?: boolean;
  /** What its namespace must be. */
  remembered?: NetnsMemory | null;
}

export interface PortsOptions extends PortOrdersOptions {
  changes: ChangeQueue;
  owner: Owner;
  /** What outlives the daemon, should it be killed, of the ports' sockets. */
  sockets: KeptSockets;
  /** Whether the ports outlive the daemon. */
  keeps: boolean;
  /** Whether the kernel carries UDP segmentation in virtio-net headers. */
  uso: boolean;
  log: Log;
}

export class Ports {
  readonly registry = new PortRegistry();
  readonly counts: PortCounts;
  readonly #options: PortsOptions;
  readonly #orders: PortOrders;
  readonly #links: PortLinks;

  constructor(options: PortsOptions) {
    const { registry } = this;
    this.#options = options;
    this.counts = new PortCounts(options.board, options.workers.count);
    this.#orders = new PortOrders(options);
    this.#links = new PortLinks({ ...options, registry, orders: this.#orders });
  }

  view(record: PortRecord): PortView {
    return portView(record, portStats(this.counts.row(record)), this.#options.safety(record.handle));
  }

  /** What workers are told of the port. */
  config(record: PortRecord): PortConfig {
    return this.#orders.config(record);
  }

  /** What ports of the kind take unfinished by default. */
  offloads(kind: PortKind): OffloadName[] {
    return offloadsOf(kind, this.#options.uso);
  }

  /** As part of a change. */
  async add(request: PortRequest, options: AddOptions = {}): Promise<PortView> {
    const { wishedBy = 'configuration', ...how } = options;
    const normal = normalizePortRequest(request);
    this.registry.refuseTaken(normal.name, normal.netdev);
    const handle = this.registry.freeHandle();
    const record = this.#enter(normal, handle, await this.#links.attach(normal, handle, how), wishedBy);
    try {
      await this.#options.mirroring.set(normal.name, record.settings.mirror);
      await this.#orders.open([record]);
    } catch (error) {
      await this.#remove(record);
      throw error;
    }
    this.#orders.tellAdded(record);
    return this.view(record);
  }

  /**
   * All ports that a daemon begins with, as part of a change: what an earlier life left of them is taken over, what cannot be
   * attached now is lost, and comes back by itself.
   *
   * @param beforeOpen called when all ports are there and none of them forwards yet
   */
  async begin(ports: readonly BeginningPort[], beforeOpen: () => void): Promise<void> {
    const attached: Attached[] = [];
    await someAtATime(PORTS_AT_A_TIME, ports, async ({ request, remembered }, handle) => {
      attached[handle] = await this.#links.attach(request, handle, { remembered, orLost: true });
    });
    const records = ports.map(({ request, wishedBy }, handle) => {
      return this.#enter(request, handle, attached[handle]!, wishedBy);
    });
    this.#options.sockets.closeRest();
    for (const record of records) await this.#options.mirroring.resume(record);
    beforeOpen();
    await this.#orders.open(records);
    for (const record of records) this.#orders.tellAdded(record);
  }

  /**
   * As part of a change.
   *
   * @param createNetns whether its namespace is made where it is missing, the next time that the port is added
   */
  async patch(name: string, patch: PortPatch, createNetns?: boolean): Promise<PortView> {
    const record = this.registry.get(name);
    const wanted = applyPatch(record.settings, patch, record.attachment.identity.addresses);
    refuseUnlimitable(record.attachment.identity, wanted);
    const { attachment, settings } = record;
    await using undo = new AsyncDisposableStack();
    if (LIMIT_FIELDS.some((field) => patch[field] !== undefined)) {
      await attachment.setLimits(limitsIn(wanted));
      undo.defer(() => attachment.setLimits(limitsIn(settings)));
    }
    if (wanted.mtu !== settings.mtu) {
      await attachment.setMtu(wanted.mtu);
      undo.defer(() => attachment.setMtu(settings.mtu));
    }
    await this.#options.mirroring.set(name, wanted.mirror);
    undo.move();
    record.settings = wanted;
    if (createNetns !== undefined) record.request = { ...record.request, createNetns };
    this.#orders.limitLearning(record);
    await this.#reconfigure(record);
    return this.view(record);
  }

  /** As part of a change. */
  remove(name: string): Promise<void> {
    return this.#remove(this.registry.get(name));
  }

  /** What was added is part of what is kept now, so it may outlive the daemon. */
  keepAll(): void {
    for (const { attachment, wishedBy } of this.registry.all()) if (wishedBy !== 'examination') attachment.keep();
  }

  /** What the namespaces of the configuration's ports are known by. */
  namespaces(): [string, NetnsMemory][] {
    return this.registry.all().flatMap(({ request, attachment: { remembered }, wishedBy }) => {
      return remembered && wishedBy === 'configuration' ? [[request.name, remembered] as [string, NetnsMemory]] : [];
    });
  }

  /** Tells the workers anew what the port is to do: what loop protection says of it has changed. */
  reconfigure(record: PortRecord): Promise<void> {
    return this.#options.changes.run(() => this.#reconfigure(record));
  }

  /** Tells the table of the moment how much may be learned on each port. */
  limitLearning(): void {
    for (const record of this.registry.all()) this.#orders.limitLearning(record);
  }

  /** A worker found the port broken: the kernel is asked whether it is. */
  check(handle: number): void {
    this.registry.at(handle)?.attachment.check?.();
  }

  /** The kernel may have something to tell of links. */
  readLinks(): void {
    this.#links.read();
  }

  /** Commands that bring all ports to a worker that starts now. */
  snapshot(worker: number): Command[] {
    return this.#orders.snapshot(this.registry.all(), worker);
  }

  /** After the workers have ended, as a change of its own. */
  async close(): Promise<void> {
    this.#options.sockets.close();
    await someAtATime(PORTS_AT_A_TIME, this.registry.all(), async (record) => {
      this.#links.forsake(record);
      await this.#links.letGo(record.attachment, { leaves: this.#options.keeps && record.wishedBy !== 'examination' });
    });
    this.registry.clear();
    this.#links.close();
  }

  #enter(request: NormalPortRequest, handle: number, attached: Attached, wishedBy: WishedBy): PortRecord {
    const { attachment } = attached;
    const settings = settingsOf(request, attachment.netdevMtu, this.#options.uso);
    const record = newRecord({ handle, request, attachment, settings, wishedBy });
    this.registry.insert(record);
    this.#links.follow(record, attached);
    this.#orders.limitLearning(record);
    return record;
  }

  /** Two phases: no worker uses the port any more, then what it was made of goes. Until then it keeps name and handle. */
  async #remove(record: PortRecord): Promise<void> {
    const { board, events, mirroring } = this.#options;
    const name = record.request.name;
    for (const mirrored of mirroring.takeOff(name, this.registry.all())) await this.#reconfigure(mirrored);
    await mirroring.set(name, null);
    record.isClosing = true;
    await this.#orders.close(record);
    this.#links.forsake(record);
    await this.#orders.forgetAll(record);
    this.registry.delete(record);
    this.counts.retire(record);
    board.renewProbeToken(record.handle);
    for (const buffer of board.buffers.dropSamples) new DropSamples(buffer).forget(record.handle);
    try {
      await record.attachment.close();
    } finally {
      if (record.told !== null) events.emit('port.removed', { port: name });
    }
  }

  /** Brings the workers to the port's settings and state, and forgets addresses that it can no longer reach. */
  async #reconfigure(record: PortRecord): Promise<void> {
    if (!this.registry.has(record)) return;
    await this.#orders.configure(record);
    await this.#orders.forget(record);
    this.#orders.tell(record);
  }
}
