//! The registry's configuration: a file, and variables over it. What is found is the same in whatever order the machine
//! tells its variables, and no value is ever quoted.

use super::machine::{self, FILE, Machine, SECRET};
use regsweep::config::{Overrides, resolve};
use serde_yaml::Value;

/// Flags and variables on the first lines, a file behind them; without one, variables alone.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (mut machine, mut overrides) = (Machine::default(), Overrides::default());
    let file = machine::begin(&text, &mut machine, &mut overrides);
    machine.file = (!file.is_empty()).then(|| file.to_owned());
    let operand = machine.file.as_ref().map(|_| FILE);
    let found = resolve(operand, &overrides, &machine);
    machine::sound(&found);
    machine::shows_no_credential(&text, &found);
    let notes = found.as_ref().map_or(&[][..], |resolved| &resolved.notes);
    let refused = found.as_ref().err().map(|error| format!("{error} {:?}", error.hint()));
    if text.matches(SECRET).count() == 1 && may_not_be_quoted(&machine) {
        let told = format!("{notes:?} {refused:?}");
        assert!(!told.contains(SECRET), "{told}");
    }
    machine.variables.reverse();
    let turned = resolve(operand, &overrides, &machine);
    assert_eq!(machine::shown(&found), machine::shown(&turned), "the order of the variables matters");
}

/// Whether what stands for a password is a value, and none of those that are repeated: a directory, a driver's name.
fn may_not_be_quoted(machine: &Machine) -> bool {
    let values = machine.variables.iter().filter(|(_, value)| value.contains(SECRET)).map(|(_, value)| value);
    let named = machine.variables.iter().any(|(name, value)| {
        let is_path = name.to_uppercase().ends_with("_ROOTDIRECTORY") || name == "REGISTRY_CONFIGURATION_PATH";
        let is_repeated = is_path || name == "REGISTRY_STORAGE";
        name.contains(SECRET) || (is_repeated && value.contains(SECRET))
    });
    let file = machine.file.iter().filter(|text| text.contains(SECRET));
    let mut documents = values.chain(file).map(|text| serde_yaml::from_str::<Value>(text));
    // What is no YAML for the harness (several documents, say) is no proof of anything.
    !named && documents.all(|document| document.is_ok_and(|document| !is_repeated(&document)))
}

fn is_repeated(value: &Value) -> bool {
    let has = |value: &Value| value.as_str().is_some_and(|text| text.contains(SECRET));
    match value {
        Value::Mapping(map) => map.iter().any(|(key, value)| {
            let names = matches!(key.as_str(), Some("storage" | "rootdirectory")) && has(value);
            has(key) || names || is_repeated(value)
        }),
        Value::Sequence(list) => list.iter().any(is_repeated),
        Value::Tagged(tagged) => tagged.tag.to_string().contains(SECRET) || is_repeated(&tagged.value),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
