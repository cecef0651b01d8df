/** Attaching a port of whatever kind. */
import { TswitchError } from '../errors.ts';
import type { PortKind } from '../model.ts';
import type { NormalPortRequest } from '../port-request.ts';
import { explainSyscall } from '../syscall-errors.ts';
import type { Attach, AttachContext, Attachment } from './attachment.ts';
import { attachPacket } from './packet.ts';
import { attachTap } from './tap.ts';
import { attachVeth } from './veth.ts';
import { attachXdp } from './xdp.ts';

const ATTACH: Record<Exclude<PortKind, 'memory'>, Attach> = {
  veth: attachVeth,
  packet: attachPacket,
  tap: attachTap,
  xdp: attachXdp,
};

export async function attachPort(request: NormalPortRequest, context: AttachContext): Promise<Attachment> {
  if (request.kind === 'memory') {
    throw new TswitchError(
      'BAD_REQUEST',
      'memory ports exist in tests and sandboxes only: use veth, tap, packet or xdp',
    );
  }
  try {
    return await ATTACH[request.kind](request, context);
  } catch (error) {
    throw explainSyscall(error);
  }
}
