/** `tswitch/sandbox`: for tests of logics, without root and without a kernel. */
export { contract, type ContractRule } from './contract.ts';
export {
  arpRequest,
  type DatagramFields,
  frame,
  type FrameFields,
  hasRightChecksums,
  mac,
  tcp,
  udp,
} from './frames.ts';
export { replay, type ReplayWith } from './replay-logic.ts';
export type { ReplayReport } from './replay.ts';
export { Sandbox, sandbox, type SandboxLogic, type SandboxOptions, type SandboxPort } from './sandbox-switch.ts';
