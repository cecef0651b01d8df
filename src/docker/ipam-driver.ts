/** libnetwork's remote IPAM driver: pools and addresses out of them. */
import { parseMac } from '../control/address-text.ts';
import { TswitchError } from '../control/errors.ts';
import type { AddressPoolsControl } from '../networks/model.ts';
import * as bodies from './bodies.ts';
import { type Handlers, handler } from './protocol.ts';

const GATEWAY = 'com.docker.network.gateway';

/** By the MAC address a question that comes again is told from a new one. */
export const IPAM_CAPABILITIES = { RequiresMACAddress: true, RequiresRequestReplay: false };
export const ADDRESS_SPACES = { LocalDefaultAddressSpace: 'tswitch', GlobalDefaultAddressSpace: 'tswitch-global' };

export function ipamDriver(pools: AddressPoolsControl): Handlers {
  return {
    RequestPool: handler(bodies.requestPool, async ({ Pool, SubPool, Options, V6 }) => {
      const [option] = Object.keys(Options ?? {});
      if (option !== undefined) {
        throw new TswitchError('BAD_REQUEST', `${option}: the IPAM driver of tswitch has no options; leave it out`);
      }
      const { id, subnet } = await pools.request({
        subnet: Pool || null,
        ipRange: SubPool || null,
        family: V6 ? 6 : 4,
      });
      return { PoolID: id, Pool: subnet, Data: {} };
    }),

    ReleasePool: handler(bodies.pool, async ({ PoolID }) => {
      await pools.release(PoolID);
      return {};
    }),

    RequestAddress: handler(bodies.requestAddress, async ({ PoolID, Address, Options }) => {
      const mac = Options?.[bodies.MAC_OPTION];
      const address = await pools.give(PoolID, {
        address: Address || null,
        mac: mac ? parseMac(mac, 'mac') : null,
        isGateway: Options?.RequestAddressType === GATEWAY,
      });
      return { Address: address, Data: {} };
    }),

    ReleaseAddress: handler(bodies.releaseAddress, async ({ PoolID, Address }) => {
      await pools.takeBack(PoolID, Address.split('/')[0] ?? '');
      return {};
    }),
  };
}
