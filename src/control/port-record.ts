/** A port as the control plane keeps it, from being added to being removed, through losses and returns. */
import { OFFLOAD_NAMES, type OffloadName, type PortKind, type PortSettings, type PortState } from './model.ts';
import type { Attachment, LinkState } from './attach/attachment.ts';
import type { NormalPortRequest } from './port-request.ts';
import { limitsIn } from './rate-limits.ts';

/**
 * Who wishes for a port: the configuration; an owner, such as a network, who keeps his wish himself; or nobody any longer than an
 * examination lasts.
 */
export type WishedBy = 'configuration' | 'owner' | 'examination';

export interface PortRecord {
  readonly handle: number;
  /** As it was asked for: a lost port comes back by it. */
  request: NormalPortRequest;
  attachment: Attachment;
  settings: PortSettings;
  link: LinkState;
  /** The state that all workers act by; null: they have not been given the port yet. */
  inForce: PortState | null;
  /** The state that was told last; null: the port has not been told of yet. */
  told: PortState | null;
  /** Its link was down since the last event, however shortly. */
  hasFlapped: boolean;
  /** It was down since its addresses were forgotten last, however shortly. */
  hasGoneDown: boolean;
  readonly wishedBy: WishedBy;
  /** Being removed: a worker that starts now is not told of it. */
  isClosing: boolean;
  /** It is lost, and nothing of its attachment is in use any more. */
  isDetached: boolean;
  /** Frames that full receive rings of earlier attachments lost. */
  overflowedBefore: number;
}

/** @param made.attachment lost, where the port could not be attached yet */
export function newRecord(
  made: Pick<PortRecord, 'handle' | 'request' | 'attachment' | 'settings' | 'wishedBy'>,
): PortRecord {
  const { attachment } = made;
  return {
    ...made,
    link: attachment.link,
    inForce: null,
    told: null,
    hasFlapped: false,
    hasGoneDown: false,
    isClosing: false,
    isDetached: attachment.sockets.length === 0,
    overflowedBefore: 0,
  };
}

/** As it was asked for, which stays, whatever it is attached to. */
export function nameOf({ request }: Pick<PortRecord, 'request'>): string {
  return request.name;
}

/** What makes the port again as it was: the address, the MTU and the limits that it has by now. */
export function returnRequest({ request, attachment, settings }: PortRecord): NormalPortRequest {
  return { ...request, ...limitsIn(settings), mac: attachment.identity.mac, mtu: settings.mtu };
}

/** Frames lost so far because nobody could take them in time. */
export function overflowed({ attachment, overflowedBefore }: PortRecord): number {
  return attachment.sockets.reduce((sum, sockets) => sum + sockets.overflowed(), overflowedBefore);
}

export function settingsOf(request: NormalPortRequest, netdevMtu: number, uso: boolean): PortSettings {
  return {
    mode: request.mode,
    vlan: request.vlan,
    trunks: request.trunks,
    cvlans: request.cvlans,
    tpid: request.tpid,
    priorityTags: request.priorityTags,
    mtu: request.mtu ?? netdevMtu,
    learning: request.learning,
    floodUnknown: request.floodUnknown,
    floodMulticast: request.floodMulticast,
    floodBroadcast: request.floodBroadcast,
    isolated: request.isolated,
    fdbLimit: request.fdbLimit,
    broadcastLimit: request.broadcastLimit,
    multicastLimit: request.multicastLimit,
    unknownLimit: request.unknownLimit,
    ...limitsIn(request),
    admin: request.admin,
    offloads: request.offloads ?? offloadsOf(request.kind, uso),
    mirror: request.mirror,
  };
}

/** All that the port's kind and the kernel can carry. */
export function offloadsOf(kind: PortKind, uso: boolean): OffloadName[] {
  if (kind === 'xdp') return [];
  return OFFLOAD_NAMES.filter((name) => name !== 'uso' || uso);
}
