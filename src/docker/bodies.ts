/**
 * What Docker sends (libnetwork, docs/remote.md and docs/ipam.md; docs/docker.md has what was seen). Fields that are not needed
 * are not looked at: newer engines send more.
 */
import { z } from 'zod';

const id = z.string().regex(/^[0-9A-Za-z]{12,64}$/, 'must be an id of Docker');
const texts = z.record(z.string(), z.unknown()).nullish();
const text = z.string().nullish();

const ipamData = z.array(z.object({ Pool: text, Gateway: text })).nullish();

/** One port of a container, and the port or range of the host that it is wanted on. */
const portBinding = z.object({
  /** Of IP: 6 is TCP, 17 UDP. */
  Proto: z.int(),
  Port: z.int(),
  HostIP: text,
  /** 0: any that is free. */
  HostPort: z.int().nullish(),
  HostPortEnd: z.int().nullish(),
});
export type PortBinding = z.infer<typeof portBinding>;

export const GENERIC_OPTIONS = 'com.docker.network.generic';
export const INTERNAL_OPTION = 'com.docker.network.internal';
export const MAC_OPTION = 'com.docker.network.endpoint.macaddress';

export const createNetwork = z.object({
  NetworkID: id,
  Options: z.object({ [GENERIC_OPTIONS]: texts, [INTERNAL_OPTION]: z.boolean().nullish() }).nullish(),
  IPv4Data: ipamData,
  IPv6Data: ipamData,
});

export const network = z.object({ NetworkID: id });
export const endpoint = z.object({ NetworkID: id, EndpointID: id });

export const createEndpoint = endpoint.extend({
  Interface: z.object({ Address: text, AddressIPv6: text, MacAddress: text }).nullish(),
  Options: texts,
});

export const join = endpoint.extend({ SandboxKey: z.string() });

export const programConnectivity = endpoint.extend({
  Options: z.object({ 'com.docker.network.portmap': z.array(portBinding).nullish() }).nullish(),
});

export const requestPool = z.object({ Pool: text, SubPool: text, Options: texts, V6: z.boolean().nullish() });
export const pool = z.object({ PoolID: z.string() });
export const requestAddress = pool.extend({
  Address: text,
  Options: z.object({ RequestAddressType: text, [MAC_OPTION]: text }).nullish(),
});
export const releaseAddress = pool.extend({ Address: z.string() });
