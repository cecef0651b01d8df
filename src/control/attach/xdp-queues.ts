/** Which worker has which queues of a netdev. A queue's chunks of memory belong to one worker's arena, so the queue does too. */
import type { XdpShare } from '../../ports/open-xdp.ts';
import type { Channels } from '../plumbing/ethtool.ts';

/**
 * Queue q belongs to worker q % workers, to receive from and, if it has a sending side, to send by. A worker sends by one
 * queue, so that what it sends of a flow stays in order.
 */
export function shareQueues({ receive, send }: Channels, workers: number): XdpShare[] {
  return Array.from({ length: workers }, (_, worker) => {
    const receives: number[] = [];
    for (let queue = worker; queue < receive; queue += workers) receives.push(queue);
    return { receives, sends: worker < send ? worker : null };
  });
}
