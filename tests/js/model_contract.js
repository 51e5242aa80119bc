// What every view relies on, run on each model: the kernel's widget models in a browser (test_model_contract.py), and the one for REST in Node.js.

// Returns the names of the broken promises. `model` has the field `task`; `fromOtherSide` sets it to a value, `news` delivers a message.
export async function brokenPromises(model, { fromOtherSide, news, sent }) {
  const broken = [];
  const check = (name, holds) => holds || broken.push(name);
  const later = () => new Promise((resolve) => setTimeout(resolve, 20));
  const until = async (holds) => {
    for (let turn = 0; turn < 500 && !holds(); turn += 1) await later();
    return holds();
  };

  check("a field that was never set is undefined", model.get("nothing-such") === undefined);

  let calls = 0;
  const listener = () => { calls += 1; };
  model.on("change:task", listener);
  await fromOtherSide({ title: "one" });
  check("a change of the other side is told", await until(() => calls === 1));
  check("the value is in place when it is told", model.get("task")?.title === "one");

  let seen = null;
  const look = () => { seen = model.get("task"); };
  model.on("change:task", look);
  model.set("task", { title: "two" });
  check("a change here is told at once", seen?.title === "two");
  model.off("change:task", look);
  model.off("change:task", listener);
  const before = calls;
  model.set("task", { title: "three" });
  check("a removed listener is not called", calls === before && seen?.title === "two");
  check("many fields can be set at once", (model.set({ task: { title: "four" } }), model.get("task").title === "four"));
  check("saving fails not", (model.save_changes(), true));

  const messages = [];
  const onMessage = (message) => messages.push(message);
  model.on("msg:custom", onMessage);
  await news({ type: "patch", rows: [] });
  check("a message arrives whole", (await until(() => messages.length === 1)) && messages[0].type === "patch");
  model.off("msg:custom", onMessage);

  model.send({ type: "check", names: ["a"] });
  check("a request reaches the other side", await until(() => sent().some(({ type, names }) => type === "check" && names[0] === "a")));
  return broken;
}
