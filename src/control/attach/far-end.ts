/** The far end of a port, later on: its namespace is not kept open meanwhile, as that would keep it alive after its last user. */
import { TswitchError } from '../errors.ts';
import { setNetdevMtu } from '../plumbing/netdev.ts';
import { resolveNetns } from '../plumbing/netns.ts';

/** @param inode of the namespace at the time of attaching: a name or pid may stand for another one by now */
export async function setFarEndMtu(spec: string, inode: number, ifname: string, mtu: number): Promise<void> {
  const netns = await resolveNetns(spec);
  try {
    if (netns.inode !== inode) {
      throw new TswitchError(
        'NETNS_NOT_FOUND',
        `${spec} is another network namespace now: unplug the port and plug it again`,
      );
    }
    await setNetdevMtu(netns, ifname, mtu);
  } finally {
    netns.close();
  }
}
