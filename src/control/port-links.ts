/**
 * Ports and the netdevs behind them: attaching, following the link, letting go of what is lost, and bringing it back. All of it
 * runs as part of a change.
 */
import type { NetnsMemory } from './attach/netns-memory.ts';
import { attachPort } from './attach/attach.ts';
import {
  absentAttachment,
  type AttachContext,
  type Attachment,
  type LinkState,
  lostAttachment,
} from './attach/attachment.ts';
import type { KeptSockets } from './attach/kept-sockets.ts';
import { whyLost } from './attach/far-end.ts';
import { LinkRelay } from './attach/link-relay.ts';
import type { ChangeQueue } from './change-queue.ts';
import { faultFields, type Log } from './log.ts';
import { LostPorts } from './lost-ports.ts';
import { assertDescriptors } from './plumbing/descriptors.ts';
import { LinkMonitor } from './plumbing/link-monitor.ts';
import type { Owner } from './plumbing/ownership.ts';
import type { PortOrders } from './port-orders.ts';
import { nameOf, overflowed, type PortRecord, returnRequest } from './port-record.ts';
import type { PortRegistry } from './port-registry.ts';
import type { NormalPortRequest } from './port-request.ts';
import type { Workers } from './workers.ts';

export interface PortLinksOptions {
  workers: Workers;
  changes: ChangeQueue;
  owner: Owner;
  sockets: KeptSockets;
  /** Whether what is attached outlives the daemon. */
  keeps: boolean;
  uso: boolean;
  registry: PortRegistry;
  orders: PortOrders;
  log: Log;
}

/** An attachment, and what the kernel has said of its link since. */
export interface Attached {
  attachment: Attachment;
  relay: LinkRelay;
}

export class PortLinks {
  readonly #options: PortLinksOptions;
  readonly #monitor: LinkMonitor;
  readonly #lost: LostPorts;

  constructor(options: PortLinksOptions) {
    this.#options = options;
    this.#monitor = new LinkMonitor((fd) => options.workers.watch(fd));
    this.#lost = new LostPorts({
      bringBack: (record) => options.changes.run(() => this.#bringBack(record)),
      log: options.log,
    });
  }

  /**
   * @param options.remembered what its namespace must be, to be the same one
   * @param options.orLost what cannot be attached now is lost, and comes back by itself
   */
  async attach(
    request: NormalPortRequest,
    handle: number,
    { remembered = null, orLost = false }: { remembered?: NetnsMemory | null; orLost?: boolean } = {},
  ): Promise<Attached> {
    const { workers, owner, sockets, uso } = this.#options;
    const relay = new LinkRelay();
    const context: AttachContext = {
      handle,
      arenas: Array.from({ length: workers.count }, (_, worker) => workers.arena(worker)),
      links: this.#monitor,
      owner,
      sockets,
      uso,
      remembered,
      onLink: (state) => relay.tell(state),
    };
    try {
      assertDescriptors(workers.count);
      return { attachment: await attachPort(request, context), relay };
    } catch (error) {
      if (!orLost) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.warn('port cannot be attached yet', { port: request.name, reason });
      return { attachment: absentAttachment(request, remembered), relay };
    }
  }

  /** From now on the record's link is what the kernel says of this attachment's; what is lost is tried again and again. */
  follow(record: PortRecord, { attachment, relay }: Attached): void {
    if (record.isDetached) {
      this.#lost.add(record);
      return;
    }
    record.link = relay.listen((state) => this.#onLink(record, attachment, state)) ?? attachment.link;
    if (record.link.lost) this.#inBackground(record);
  }

  /** The port goes: nobody tries to bring it back. */
  forsake(record: PortRecord): void {
    this.#lost.remove(record);
  }

  /** The kernel may have something to tell of links. */
  read(): void {
    this.#monitor.read();
  }

  /** Takes down what the port is made of, or leaves it for the daemon's next life. Failures are logged. */
  async letGo(attachment: Attachment, { leaves = false } = {}): Promise<void> {
    try {
      await (leaves ? attachment.leave() : attachment.close());
    } catch (error) {
      const { name } = attachment.identity;
      this.#options.log.error('port cannot be let go wholly', { port: name, ...faultFields(error) });
    }
  }

  close(): void {
    this.#monitor.close();
  }

  /** The netdev's carrier, administrative state or existence changed. */
  #onLink(record: PortRecord, attachment: Attachment, state: LinkState): void {
    if (!this.#options.registry.has(record) || record.attachment !== attachment) return;
    if (state.up === record.link.up && state.lost === record.link.lost) return;
    record.link = state;
    if (!state.up) record.hasGoneDown = record.hasFlapped = true;
    this.#inBackground(record);
  }

  #inBackground(record: PortRecord): void {
    const { registry, orders, changes, log } = this.#options;
    const change = async (): Promise<void> => {
      if (!registry.has(record)) return;
      if (record.link.lost && !record.isDetached) {
        await this.#detach(record);
        return;
      }
      await orders.configure(record);
      await orders.forget(record);
      orders.tell(record);
    };
    changes
      .run(change)
      .catch((error: unknown) =>
        log.error('port cannot follow its link', { port: nameOf(record), ...faultFields(error) }),
      );
  }

  /**
   * Lets go of what is left of a lost port, in the same two phases. The port stays, with settings and counters; workers know
   * it as one that is down.
   */
  async #detach(record: PortRecord): Promise<void> {
    const { orders, log } = this.#options;
    const { attachment } = record;
    this.#lost.add(record);
    record.isDetached = true;
    try {
      await orders.close(record, true);
    } catch (error) {
      record.isDetached = false;
      throw error;
    }
    await orders.forget(record);
    record.overflowedBefore = overflowed(record);
    record.attachment = lostAttachment(attachment);
    await this.letGo(attachment);
    const { netdev, ifname } = attachment.identity;
    const { remembered } = attachment;
    const reason = remembered && ifname ? await whyLost(remembered, ifname) : `netdev ${netdev} is gone`;
    log.warn('port lost', { port: nameOf(record), reason });
    orders.tell(record, reason);
  }

  /** One attempt to attach a lost port again. */
  async #bringBack(record: PortRecord): Promise<void> {
    const { registry, orders, keeps, log } = this.#options;
    if (!registry.has(record) || !record.link.lost) return;
    if (!record.isDetached) await this.#detach(record);
    const { remembered } = record.attachment;
    const attached = await this.attach(returnRequest(record), record.handle, { remembered });
    record.attachment = attached.attachment;
    record.isDetached = false;
    this.follow(record, attached);
    try {
      await orders.open([record]);
    } catch (error) {
      record.link = { up: false, lost: true };
      await this.#detach(record);
      throw error;
    }
    if (record.link.lost) return;
    if (keeps && record.wishedBy !== 'examination') record.attachment.keep();
    this.#lost.remove(record);
    log.info('port back', { port: nameOf(record) });
    orders.tell(record, 'it came back');
  }
}
