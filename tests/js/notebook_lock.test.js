// The lock in a notebook's metadata, as the side bar reads and writes it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { withLock } from "../../pkgwidgets/labextension/static/lock_keeper.js";
import { lockText } from "../../pkgwidgets/labextension/static/notebook_lock.js";

test("the lock is its requirements as a text", () => {
  assert.equal(lockText({ lock: { requirements: ["a==1", "b==2 --hash=sha256:0"] } }), "a==1\nb==2 --hash=sha256:0");
});

test("what is no lock has no text", () => {
  for (const metadata of [undefined, null, 3, {}, { lock: null }, { lock: { requirements: "a==1" } }, { lock: { requirements: [1] } }]) {
    assert.equal(lockText(metadata), "");
  }
});

test("a new lock leaves the rest of the metadata", () => {
  const lock = { requirements: ["a==1"] };
  assert.deepEqual(withLock({ other: 1, lock: {} }, lock), { other: 1, lock });
  assert.deepEqual(withLock(undefined, lock), { lock });
});
