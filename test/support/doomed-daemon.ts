/** A daemon that a test kills: adds a veth port named and placed by its arguments, says `ready`, and waits for its end. */
import { createSwitch } from '../../src/control/switch.ts';

const [netns, ifname] = process.argv.slice(2);
if (netns === undefined || ifname === undefined) throw new Error('usage: doomed-daemon NETNS IFNAME');
const lan = await createSwitch({ workers: 1 });
const { netdev } = await lan.addPort({ name: `${netns}-doomed`, kind: 'veth', netns, ifname });
console.log(`ready ${netdev}`);
setInterval(() => {}, 60_000);
