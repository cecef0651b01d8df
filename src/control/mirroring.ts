/**
 * Mirrors of ports, as part of the ports' changes. A mirror to a port needs that port to be there when it is set. While that
 * port is down or lost, copies are dropped and counted there, and go on when it is back; when it is removed, the mirrors to it
 * are taken off, and that is told.
 */
import type { WireMirror } from '../shared/commands.ts';
import type { MirrorFiles } from './capture/mirror-files.ts';
import { TswitchError } from './errors.ts';
import type { EventBus } from './events.ts';
import type { Log } from './log.ts';
import type { PortMirror } from './model.ts';
import type { PortRecord } from './port-record.ts';

export interface MirroringOptions {
  files: MirrorFiles;
  events: EventBus;
  find: (name: string) => PortRecord | null;
  log: Log;
}

export class Mirroring {
  readonly #options: MirroringOptions;

  constructor(options: MirroringOptions) {
    this.#options = options;
  }

  /**
   * Prepares a mirror that is to be set; nothing is changed if this throws.
   *
   * @throws TswitchError PORT_NOT_FOUND, or where the file cannot be written
   */
  async set(port: string, mirror: PortMirror | null): Promise<void> {
    if (mirror?.port != null && !this.#options.find(mirror.port)) {
      throw new TswitchError(
        'PORT_NOT_FOUND',
        `mirror: there is no port ${mirror.port}: add it first; \`tswitch port ls\` shows those there are`,
      );
    }
    if (mirror?.port === port) {
      throw new TswitchError(
        'BAD_REQUEST',
        `mirror: port ${port} cannot be mirrored to itself: name another one, or a file`,
      );
    }
    await this.#options.files.set(port, mirror);
  }

  /** Of a port that a daemon begins with: a file that cannot be written now holds up nothing else. */
  async resume({ request: { name }, settings: { mirror } }: PortRecord): Promise<void> {
    try {
      await this.set(name, mirror);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.log.error('mirror cannot be resumed; set it anew when that is mended', {
        port: name,
        error: reason,
      });
    }
  }

  /** What the workers are told. */
  wire(mirror: PortMirror | null): WireMirror | null {
    if (mirror === null) return null;
    const { port, file, direction, vlans } = mirror;
    const to = port === null ? null : (this.#options.find(port)?.handle ?? null);
    return { to, file, received: direction !== 'tx', sent: direction !== 'rx', vlans };
  }

  /** Takes the mirrors off that go to a port which is about to be removed. @returns the ports that had them */
  takeOff(target: string, records: readonly PortRecord[]): PortRecord[] {
    const { events, log } = this.#options;
    const mirrored = records.filter(({ settings }) => settings.mirror?.port === target);
    for (const record of mirrored) {
      const port = record.request.name;
      record.settings = { ...record.settings, mirror: null };
      log.warn('mirror taken off, as its port was removed', { port, target });
      events.emit('mirror.ended', { port, target, reason: 'its port was removed' });
    }
    return mirrored;
  }
}
