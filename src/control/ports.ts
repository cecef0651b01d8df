/**
 * The ports' life cycle: adding, changing, following the link, losing and bringing back, removing. Every change runs in the
 * queue of changes (what callers ask for, in a change of theirs), reaches the workers as commands, and is true for its caller
 * once all of them have acknowledged.
 */
import { PORTS_MAX } from '../limits.ts';
import { knowsUdpSegmentation } from '../ports/open-tap.ts';
import type { Board } from '../shared/board.ts';
import type { Command } from '../shared/commands.ts';
import { DropSamples } from '../shared/drop-samples.ts';
import { type Fdb, KIND_DYNAMIC } from '../switching/fdb.ts';
import { attachPort } from './attach/attach.ts';
import {
  absentAttachment,
  type AttachContext,
  type Attachment,
  type LinkState,
  lostAttachment,
} from './attach/attachment.ts';
import { whyLost } from './attach/far-end.ts';
import { LinkRelay } from './attach/link-relay.ts';
import type { ChangeQueue } from './change-queue.ts';
import { addRow, clearRows, noteOverflow, portStats, readRow } from './counters.ts';
import { TswitchError } from './errors.ts';
import type { EventBus, SwitchEvent } from './events.ts';
import { vlanOf } from './fdb-view.ts';
import { faultFields, type Log } from './log.ts';
import { LostPorts } from './lost-ports.ts';
import type { LoopBlock, OffloadName, PortKind, PortPatch, PortRequest, PortView } from './model.ts';
import { LinkMonitor } from './plumbing/link-monitor.ts';
import {
  nameOf,
  newRecord,
  offloadsOf,
  overflowed,
  type PortRecord,
  returnRequest,
  settingsOf,
} from './port-record.ts';
import { applyPatch, normalizePortRequest, type NormalPortRequest } from './port-request.ts';
import { inTurns } from './turns.ts';
import { carriesVlan, portConfig, portState, portView } from './views.ts';
import type { Workers } from './workers.ts';

export interface PortsOptions {
  board: Board;
  workers: Workers;
  changes: ChangeQueue;
  events: EventBus;
  /** The table of the moment. */
  fdb: () => Fdb;
  /** What loop protection says of a port. */
  safety: (handle: number) => { blocked: LoopBlock | null; protection: SwitchEvent[] };
  log: Log;
}

export class Ports {
  readonly #options: PortsOptions;
  readonly #links: LinkMonitor;
  readonly #byName = new Map<string, PortRecord>();
  readonly #byHandle: (PortRecord | null)[] = Array.from({ length: PORTS_MAX }, () => null);
  readonly #lost: LostPorts;
  readonly #uso = knowsUdpSegmentation();
  /** What removed ports counted, so that the totals stay true. */
  readonly #retired: Float64Array;

  constructor(options: PortsOptions) {
    this.#options = options;
    this.#retired = new Float64Array(readRow(options.board, options.workers.count, 0).length);
    this.#links = new LinkMonitor((fd) => options.workers.watch(fd));
    this.#lost = new LostPorts({
      bringBack: (record) => options.changes.run(() => this.#bringBack(record)),
      log: options.log,
    });
  }

  /** In the order they were added. */
  all(): PortRecord[] {
    return [...this.#byName.values()];
  }

  /** @throws TswitchError PORT_NOT_FOUND */
  get(name: string): PortRecord {
    const record = this.#byName.get(name);
    if (!record) {
      throw new TswitchError('PORT_NOT_FOUND', `there is no port ${name}: \`tswitch port ls\` shows those there are`);
    }
    return record;
  }

  find(name: string): PortRecord | null {
    return this.#byName.get(name) ?? null;
  }

  at(handle: number): PortRecord | null {
    return this.#byHandle[handle] ?? null;
  }

  view(record: PortRecord): PortView {
    return portView(record, portStats(this.row(record)), this.#options.safety(record.handle));
  }

  /** What the port counted, summed over the workers; a copy. */
  row(record: PortRecord): Float64Array {
    const row = readRow(this.#options.board, this.#options.workers.count, record.handle);
    noteOverflow(row, overflowed(record));
    return row;
  }

  /** What ports of the kind take unfinished by default. */
  offloads(kind: PortKind): OffloadName[] {
    return offloadsOf(kind, this.#uso);
  }

  /** What ports that are no more counted; a copy. */
  retired(): Float64Array {
    return Float64Array.from(this.#retired);
  }

  /**
   * As part of a change.
   *
   * @param options.isTemporary no part of the configuration
   * @param options.orLost a port that cannot be attached now is added all the same, as a lost one, which comes back by itself
   */
  async add(request: PortRequest, { orLost = false, isTemporary = false } = {}): Promise<PortView> {
    const normal = normalizePortRequest(request);
    if (this.#byName.has(normal.name)) {
      throw new TswitchError(
        'PORT_EXISTS',
        `there is a port ${normal.name} already: remove it first, or use another name`,
      );
    }
    this.#refuseUsed(normal.netdev);
    const handle = this.#byHandle.indexOf(null);
    if (handle < 0) {
      throw new TswitchError('LIMIT_REACHED', `a switch has at most ${PORTS_MAX} ports: remove one first`);
    }
    const relay = new LinkRelay();
    const attachment = await this.#attach(normal, this.#context(handle, null, relay), orLost);
    const settings = settingsOf(normal, attachment.netdevMtu, this.#uso);
    const record = newRecord({ handle, request: normal, attachment, settings, isTemporary });
    if (!record.isDetached) this.#follow(record, attachment, relay);
    this.#byName.set(normal.name, record);
    this.#byHandle[handle] = record;
    this.#limitLearning(record);
    try {
      if (record.isDetached) await this.#openLost(record);
      else await this.#open(record);
    } catch (error) {
      await this.#remove(record);
      throw error;
    }
    record.told = portState(record);
    record.hasFlapped = false;
    this.#options.events.emit('port.added', { port: normal.name, state: record.told });
    return this.view(record);
  }

  /**
   * As part of a change.
   *
   * @param createNetns whether its namespace is made where it is missing, the next time that the port is added
   */
  async patch(name: string, patch: PortPatch, createNetns?: boolean): Promise<PortView> {
    const record = this.get(name);
    const wanted = applyPatch(record.settings, patch, record.attachment.identity.addresses);
    if (wanted.mtu !== record.settings.mtu) await record.attachment.setMtu(wanted.mtu);
    record.settings = wanted;
    if (createNetns !== undefined) record.request = { ...record.request, createNetns };
    this.#limitLearning(record);
    await this.#reconfigure(record);
    return this.view(record);
  }

  /** As part of a change. */
  remove(name: string): Promise<void> {
    return this.#remove(this.get(name));
  }

  /** Tells the workers anew what the port is to do: what loop protection says of it has changed. */
  reconfigure(record: PortRecord): Promise<void> {
    return this.#options.changes.run(() => this.#reconfigure(record));
  }

  /** Tells the table of the moment how much may be learned on each port. */
  limitLearning(): void {
    for (const record of this.#byName.values()) this.#limitLearning(record);
  }

  /** A worker found the port broken: the kernel is asked whether it is. */
  check(handle: number): void {
    this.at(handle)?.attachment.check?.();
  }

  /** The kernel may have something to tell of links. */
  readLinks(): void {
    this.#links.read();
  }

  /** Commands that bring all ports to a worker that starts now. */
  snapshot(worker: number): Command[] {
    return this.all()
      .filter(({ isClosing }) => !isClosing)
      .map((record) => (record.isDetached ? this.#configureCommand(record) : this.#openCommand(record, worker)));
  }

  /** After the workers have ended, as a change of its own. */
  async close(): Promise<void> {
    for (const record of this.#byName.values()) {
      this.#lost.remove(record);
      await this.#closeAttachment(record.attachment);
    }
    this.#byName.clear();
    this.#byHandle.fill(null);
    this.#links.close();
  }

  /** Two phases: no worker uses the port any more, then what it was made of goes. Until then it keeps name and handle. */
  async #remove(record: PortRecord): Promise<void> {
    const { board, workers, fdb, events } = this.#options;
    const { handle } = record;
    record.isClosing = true;
    await workers.command(() => [{ do: 'close', handle }]);
    this.#lost.remove(record);
    await inTurns(fdb().removing((entry) => entry.handle === handle));
    this.#byName.delete(nameOf(record));
    this.#byHandle[handle] = null;
    fdb().setPortLimit(handle, -1);
    addRow(this.#retired, this.row(record));
    clearRows(board, workers.count, handle);
    board.renewProbeToken(handle);
    for (const buffer of board.buffers.dropSamples) new DropSamples(buffer).forget(handle);
    try {
      await record.attachment.close();
    } finally {
      if (record.told !== null) events.emit('port.removed', { port: nameOf(record) });
    }
  }

  /**
   * Lets go of what is left of a lost port, in the same two phases. The port stays, with settings and counters; workers know
   * it as one that is down.
   */
  async #detach(record: PortRecord): Promise<void> {
    const { workers, log } = this.#options;
    const { handle, attachment } = record;
    this.#lost.add(record);
    record.isDetached = true;
    try {
      await workers.command(() => [{ do: 'close', handle }, this.#configureCommand(record)]);
    } catch (error) {
      record.isDetached = false;
      throw error;
    }
    await this.#forget(record);
    record.overflowedBefore = overflowed(record);
    record.attachment = lostAttachment(attachment);
    await this.#closeAttachment(attachment);
    const { netdev, ifname } = attachment.identity;
    const { remembered } = attachment;
    const reason = remembered && ifname ? await whyLost(remembered, ifname) : `netdev ${netdev} is gone`;
    log.warn('port lost', { port: nameOf(record), reason });
    this.#tell(record, reason);
  }

  /** One attempt to attach a lost port again. */
  async #bringBack(record: PortRecord): Promise<void> {
    if (this.at(record.handle) !== record || !record.link.lost) return;
    if (!record.isDetached) await this.#detach(record);
    const relay = new LinkRelay();
    const context = this.#context(record.handle, record.attachment.remembered, relay);
    const attachment = await attachPort(returnRequest(record), context);
    record.attachment = attachment;
    record.isDetached = false;
    this.#follow(record, attachment, relay);
    try {
      await this.#open(record);
    } catch (error) {
      record.link = { up: false, lost: true };
      await this.#detach(record);
      throw error;
    }
    if (record.link.lost) return;
    this.#lost.remove(record);
    this.#options.log.info('port back', { port: nameOf(record) });
    this.#tell(record, 'it came back');
  }

  /** One netdev, one port: two would send each other's broadcasts out of the same wire. */
  #refuseUsed(netdev: string | null): void {
    for (const { attachment } of this.#byName.values()) {
      const { name, netdev: used } = attachment.identity;
      if (netdev !== null && used === netdev) {
        throw new TswitchError(
          'NETDEV_BUSY',
          `${netdev} is in use by port ${name}: remove that port first, or attach another netdev`,
        );
      }
    }
  }

  #context(handle: number, remembered: AttachContext['remembered'], relay: LinkRelay): AttachContext {
    const { workers } = this.#options;
    return {
      handle,
      arenas: Array.from({ length: workers.count }, (_, worker) => workers.arena(worker)),
      links: this.#links,
      uso: this.#uso,
      remembered,
      onLink: (state) => relay.tell(state),
    };
  }

  /** From now on the record's link is what the kernel says of this attachment's. */
  #follow(record: PortRecord, attachment: Attachment, relay: LinkRelay): void {
    record.link = relay.listen((state) => this.#onLink(record, attachment, state)) ?? attachment.link;
    if (record.link.lost) this.#inBackground(record);
  }

  /** The netdev's carrier, administrative state or existence changed. */
  #onLink(record: PortRecord, attachment: Attachment, state: LinkState): void {
    if (this.at(record.handle) !== record || record.attachment !== attachment) return;
    if (state.up === record.link.up && state.lost === record.link.lost) return;
    record.link = state;
    if (!state.up) record.hasGoneDown = record.hasFlapped = true;
    this.#inBackground(record);
  }

  #inBackground(record: PortRecord): void {
    const change = async (): Promise<void> => {
      if (record.link.lost && !record.isDetached && this.at(record.handle) === record) await this.#detach(record);
      else await this.#reconfigure(record);
    };
    this.#options.changes
      .run(change)
      .catch((error: unknown) =>
        this.#options.log.error('port cannot follow its link', { port: nameOf(record), ...faultFields(error) }),
      );
  }

  async #attach(request: NormalPortRequest, context: AttachContext, orLost: boolean): Promise<Attachment> {
    try {
      return await attachPort(request, context);
    } catch (error) {
      if (!orLost) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn('port cannot be attached yet', { port: request.name, reason });
      return absentAttachment(request);
    }
  }

  /** Workers know it as a port that is down, until it comes back. */
  async #openLost(record: PortRecord): Promise<void> {
    this.#lost.add(record);
    await this.#options.workers.command(() => [this.#configureCommand(record)]);
  }

  /** Gives the port to the workers, from the start of its rings. */
  async #open(record: PortRecord): Promise<void> {
    const { board, workers } = this.#options;
    for (let worker = 0; worker < workers.count; worker++) {
      board.cursors.fill(0, board.cursor(worker, record.handle), board.cursor(worker, record.handle + 1));
    }
    await workers.command((worker) => [this.#openCommand(record, worker)]);
  }

  /** Brings the workers to the port's settings and state, and forgets addresses that it can no longer reach. */
  async #reconfigure(record: PortRecord): Promise<void> {
    if (this.at(record.handle) !== record) return;
    const command = this.#configureCommand(record);
    await this.#options.workers.command(() => [command]);
    await this.#forget(record);
    this.#tell(record);
  }

  async #forget(record: PortRecord): Promise<void> {
    const forgetsAll = portState(record) !== 'up' || record.hasGoneDown;
    record.hasGoneDown = false;
    const steps = this.#options
      .fdb()
      .removing(
        (entry) =>
          entry.handle === record.handle &&
          entry.kind === KIND_DYNAMIC &&
          (forgetsAll || !carriesVlan(record.settings, vlanOf(entry))),
      );
    await inTurns(steps);
  }

  /** Raises the events for what changed of the port's state since the last time. */
  #tell(record: PortRecord, reason?: string): void {
    // That it is lost is told with the reason, once everything of it is let go.
    if (record.told === null || (record.link.lost && !record.isDetached)) return;
    const { events } = this.#options;
    const state = portState(record);
    const port = nameOf(record);
    const data = reason === undefined ? { port } : { port, reason };
    if (record.hasFlapped && state === 'up' && record.told === 'up') events.emit('port.down', { port });
    if (state !== record.told || (record.hasFlapped && state === 'up')) events.emit(`port.${state}`, data);
    record.hasFlapped = false;
    record.told = state;
  }

  #limitLearning({ handle, settings }: PortRecord): void {
    this.#options.fdb().setPortLimit(handle, settings.fdbLimit ?? -1);
  }

  async #closeAttachment(attachment: Attachment): Promise<void> {
    try {
      await attachment.close();
    } catch (error) {
      this.#options.log.error('port cannot be let go wholly', {
        port: attachment.identity.name,
        ...faultFields(error),
      });
    }
  }

  #config(record: PortRecord): ReturnType<typeof portConfig> {
    return portConfig(record, this.#options.safety(record.handle).blocked !== null);
  }

  #configureCommand(record: PortRecord): Command {
    return { do: 'configure', handle: record.handle, config: this.#config(record) };
  }

  #openCommand(record: PortRecord, worker: number): Command {
    const { resources } = record.attachment.sockets[worker]!;
    return { do: 'open', handle: record.handle, resources, config: this.#config(record) };
  }
}
