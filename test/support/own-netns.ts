/**
 * Loaded by Node before all else in each process that runs a file of the kernel tests (vitest.config.ts): takes the process
 * into a network namespace of its own. So each file has a host to itself, with the names, rules and leftovers of nobody
 * else, and files can run side by side.
 *
 * So early, because each thread has a namespace: those that Node starts later get the one of the thread that starts them.
 */
import { execFileSync } from 'node:child_process';
import { isMainThread } from 'node:worker_threads';
import { CLONE_NEWNET } from '../../native-bindings/abi/sched.ts';
import { chooseFfi } from '../../native-bindings/ffi/choose.ts';

// Threads inherit Node's flags, and with them this file.
if (isMainThread) {
  const unshare = chooseFfi().bind('unshare', 'int', ['int']);
  if (unshare(CLONE_NEWNET) !== 0) throw new Error('the tests of `kernel` make network namespaces: run them as root');
  execFileSync('ip', ['link', 'set', 'lo', 'up']);
}
