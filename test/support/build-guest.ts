// Builds the small Linux guest, or finds it built. What downloads its parts runs before the tests that are in a network of their own,
// where there is no Internet.
import { buildGuest } from './guest.ts';

await buildGuest();
