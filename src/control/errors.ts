/** Every error the control plane refuses with; the API maps codes to HTTP statuses in one place (api/errors.ts). */
export type ErrorCode =
  | 'BAD_REQUEST'
  | 'PORT_EXISTS'
  | 'PORT_NOT_FOUND'
  | 'FDB_ENTRY_NOT_FOUND'
  | 'CAPTURE_NOT_FOUND'
  | 'CAPTURE_BUSY'
  | 'RECORDING_NOT_FOUND'
  | 'RECORDING_BUSY'
  | 'NETNS_NOT_FOUND'
  | 'NETDEV_NOT_FOUND'
  | 'NETDEV_EXISTS'
  | 'NETDEV_BUSY'
  | 'ADDRESS_REFUSED'
  | 'NOT_PERMITTED'
  | 'NOT_SUPPORTED'
  | 'TOKEN_EXISTS'
  | 'TOKEN_NOT_FOUND'
  | 'NO_TOKEN_FILE'
  | 'LIMIT_REACHED'
  | 'LOGIC_NOT_FOUND'
  | 'LOGIC_REFUSED'
  | 'CONFIG_REFUSED'
  | 'CONFIG_FAILED'
  | 'CONFIG_CHANGED'
  | 'CONFIRMATION_PENDING'
  | 'NOTHING_TO_CONFIRM'
  | 'STATE_FULL'
  | 'STATE_FAILED'
  | 'NETWORK_EXISTS'
  | 'NETWORK_NOT_FOUND'
  | 'NETWORK_IN_USE'
  | 'SUBNET_OVERLAPS'
  | 'VLAN_IN_USE'
  | 'POOL_EXHAUSTED'
  | 'CONTAINER_EXISTS'
  | 'CONTAINER_NOT_FOUND'
  | 'CONTAINER_RUNNING'
  | 'ADDRESS_IN_USE'
  | 'INTERNAL';

export class TswitchError extends Error {
  override readonly name = 'TswitchError';
  readonly code: ErrorCode;
  readonly details: unknown;

  /** @param message one sentence: what failed, and what to do about it */
  constructor(code: ErrorCode, message: string, details?: unknown, cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.details = details;
  }
}
