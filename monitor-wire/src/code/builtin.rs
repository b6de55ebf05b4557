//! What the language and the sandbox have: names that do no harm, and what is known of calling them.

use super::Reason;
use super::ast::Site;
use super::eval::Arguments;
use super::object::Select;
use super::run::{Run, is_power};
use super::value::{Atom, Hole, Text, Value};

/// Globals that make no request and lead to none by themselves.
const GLOBALS: [&str; 73] = [
    "AbortController",
    "AbortSignal",
    "AggregateError",
    "Array",
    "ArrayBuffer",
    "BigInt",
    "BigInt64Array",
    "BigUint64Array",
    "Blob",
    "Boolean",
    "DOMException",
    "DataView",
    "Date",
    "Error",
    "EvalError",
    "Event",
    "EventTarget",
    "File",
    "Float32Array",
    "Float64Array",
    "FormData",
    "Headers",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "Intl",
    "JSON",
    "Map",
    "Math",
    "Number",
    "Object",
    "Promise",
    "RangeError",
    "ReferenceError",
    "RegExp",
    "Request",
    "Response",
    "Set",
    "String",
    "Symbol",
    "SyntaxError",
    "TextDecoder",
    "TextEncoder",
    "TypeError",
    "URIError",
    "URL",
    "URLSearchParams",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "WeakMap",
    "WeakRef",
    "WeakSet",
    "atob",
    "btoa",
    "clearInterval",
    "clearTimeout",
    "console",
    "crypto",
    "decodeURI",
    "decodeURIComponent",
    "encodeURI",
    "encodeURIComponent",
    "escape",
    "isFinite",
    "isNaN",
    "parseFloat",
    "parseInt",
    "performance",
    "queueMicrotask",
    "setInterval",
    "setTimeout",
];

/// What a global name stands for, or why nobody knows.
pub(super) fn global(name: &str, account: Option<&str>) -> Result<Value, Reason> {
    match name {
        "cloudflare" | "fetch" | "structuredClone" | "unescape" => Ok(Atom::Native(name.into()).into()),
        "undefined" => Ok(Value::undefined()),
        "NaN" | "Infinity" => Ok(Atom::Numeric.into()),
        "accountId" => Ok(account.map_or_else(|| Value::hole(Hole::Account), Value::text)),
        "eval" | "Function" | "AsyncFunction" | "WebAssembly" => Err(Reason::Eval),
        "globalThis" | "self" | "window" | "global" | "Reflect" | "Proxy" => Err(Reason::Reflection),
        "require" | "process" | "importScripts" => Err(Reason::DynamicImport),
        _ if GLOBALS.binary_search(&name).is_ok() => Ok(Atom::Native(name.into()).into()),
        _ => Err(Reason::UnknownName),
    }
}

/// A property of what the language has.
pub(super) fn member(owner: &str, name: &str) -> Value {
    let plain = !owner.contains('.') && owner != "fetch" && owner != "settle";
    let function = matches!(name, "call" | "apply" | "bind");
    if plain && !function { Atom::Native([owner, ".", name].concat().into()).into() } else { Value::unknown() }
}

/// Methods that every object has.
pub(super) fn is_object_method(name: &str) -> bool {
    matches!(
        name,
        "hasOwnProperty" | "isPrototypeOf" | "propertyIsEnumerable" | "toLocaleString" | "toString" | "valueOf"
    )
}

/// Whether the argument at this place is called, of a method or function of this name.
pub(super) fn calls_back(name: &str, at: usize) -> bool {
    match name {
        "map" | "forEach" | "filter" | "some" | "every" | "find" | "findIndex" | "findLast" | "findLastIndex"
        | "flatMap" | "reduce" | "reduceRight" | "sort" | "toSorted" | "catch" | "finally" | "try" | "setTimeout"
        | "setInterval" | "queueMicrotask" => at == 0,
        "then" => at <= 1,
        "from" | "fromAsync" | "groupBy" | "addEventListener" | "getOrInsertComputed" => at == 1,
        _ => false,
    }
}

impl Run<'_> {
    /// Arguments get to where they aren't followed, and some may be called there.
    pub(super) fn give_back(&mut self, name: &str, arguments: &Arguments) {
        self.hand_on_all(arguments);
        for (at, value) in arguments.items.iter().chain(&arguments.rest).enumerate() {
            if calls_back(name, at) && value.has_unknown() {
                self.give_up(Reason::IndirectCall);
            }
        }
    }

    /// Calls what the language or the sandbox has.
    pub(super) fn native(&mut self, name: &str, arguments: &Arguments, site: Site) -> Value {
        match name {
            "cloudflare.request" => self.api_request(arguments),
            "fetch" => self.fetch(arguments),
            _ if is_power(name) => self.other_power(name, arguments),
            "settle" => {
                self.hand_on_all(arguments);
                Value::undefined()
            }
            "JSON.stringify" => {
                self.hand_on(&arguments.get(1));
                Value::hole(Hole::Any)
            }
            "setTimeout" | "setInterval" | "queueMicrotask" => {
                if arguments.get(0).0.iter().any(|atom| matches!(atom, Atom::Text(_))) {
                    self.give_up(Reason::Eval);
                }
                self.give_back(name, arguments);
                Value::unknown()
            }
            _ => match name.split_once('.') {
                Some(("Promise", name)) => self.promise_native(name, arguments, site),
                Some(("Object", name)) => self.object_native(name, arguments, site),
                Some(("Array", name)) => self.array_native(name, arguments, site),
                Some(("console", _)) => Value::undefined(),
                Some(("Math", _) | ("Date", "now" | "parse" | "UTC") | ("performance", _)) => Atom::Numeric.into(),
                Some(("Number", "parseInt" | "parseFloat")) => Atom::Numeric.into(),
                Some(("Number" | "ArrayBuffer", _)) => Value::truth(),
                Some(("crypto", "randomUUID")) => Value::hole(Hole::Encoded),
                _ => self.text_native(name, arguments),
            },
        }
    }

    fn text_native(&mut self, name: &str, arguments: &Arguments) -> Value {
        let first = arguments.get(0);
        let each =
            |change: &dyn Fn(&Atom) -> Text| Value(first.0.iter().map(|atom| Atom::Text(change(atom))).collect());
        match name {
            "Number" | "parseInt" | "parseFloat" | "BigInt" => Atom::Numeric.into(),
            "Boolean" | "isNaN" | "isFinite" => Value::truth(),
            "String" if arguments.items.is_empty() => Value::hole(Hole::Any),
            "String" => each(&Atom::as_text),
            "String.fromCharCode" | "String.fromCodePoint" => characters(arguments),
            "encodeURIComponent" => each(&|atom| super::url::encoded(&atom.as_text())),
            "decodeURIComponent" | "decodeURI" | "unescape" => each(&|atom| atom.as_text().map(super::url::decoded)),
            "atob" => each(&|atom| atom.as_text().map(super::url::from_base64)),
            "btoa" | "encodeURI" | "escape" => Value::hole(Hole::Any),
            _ => {
                let method = name.rsplit('.').next().unwrap_or(name);
                self.give_back(method, arguments);
                if name == "JSON.parse" && arguments.get(1).has_unknown() {
                    self.give_up(Reason::IndirectCall);
                }
                Value::unknown()
            }
        }
    }

    fn promise_native(&mut self, name: &str, arguments: &Arguments, site: Site) -> Value {
        match name {
            "all" => {
                let (known, rest) = self.elements_of(&arguments.get(0));
                let known = known.into_iter().map(|value| self.awaited(value)).collect();
                let rest = rest.map(|rest| self.awaited(rest));
                self.array(site, known, rest).promise()
            }
            "any" | "race" => {
                let value = self.any_element(&arguments.get(0));
                self.awaited(value).promise()
            }
            "resolve" => {
                let value = arguments.get(0);
                self.awaited(value).promise()
            }
            _ => {
                self.give_back(name, arguments);
                Value::unknown().promise()
            }
        }
    }

    fn object_native(&mut self, name: &str, arguments: &Arguments, site: Site) -> Value {
        let first = arguments.get(0);
        match name {
            "keys" | "values" | "entries" => {
                let names = match first.0.as_slice() {
                    [Atom::Object(at)] => self.known_names(*at),
                    _ => None,
                };
                let Some(names) = names else {
                    self.hand_on(&first);
                    return self.array(site, Vec::new(), Some(Value::unknown()));
                };
                self.charge(names.len());
                let mut all = Vec::new();
                for key in names {
                    let value = self.member(&first, &Select::Name(key.clone()));
                    let key = Value::text(&key);
                    all.push(match name {
                        "keys" => key,
                        "values" => value,
                        _ => self.array(Site::MAX, vec![key, value], None),
                    });
                }
                self.array(site, all, None)
            }
            "freeze" | "seal" | "preventExtensions" => first,
            "assign" => {
                for value in arguments.items.iter().skip(1).chain(&arguments.rest) {
                    self.assign_members(&first, value);
                }
                first
            }
            "is" | "hasOwn" | "isFrozen" | "isSealed" => Value::truth(),
            "fromEntries" | "groupBy" => {
                self.give_back(name, arguments);
                Value::unknown()
            }
            _ => {
                self.hand_on_all(arguments);
                self.give_up(Reason::Reflection);
                Value::unknown()
            }
        }
    }

    /// Writes the properties of one value to another.
    fn assign_members(&mut self, target: &Value, value: &Value) {
        let names = match value.0.as_slice() {
            [Atom::Object(at)] => self.known_names(*at),
            [Atom::Undefined | Atom::Null] => Some(Vec::new()),
            _ => None,
        };
        let Some(names) = names else {
            self.hand_on(value);
            return self.write_member(target, &Select::Unknown, Value::unknown());
        };
        self.charge(names.len());
        for name in names {
            let member = self.member(value, &Select::Name(name.clone()));
            self.write_member(target, &Select::Name(name), member);
        }
    }

    fn array_native(&mut self, name: &str, arguments: &Arguments, site: Site) -> Value {
        match name {
            "isArray" => Value::truth(),
            "of" => self.array(site, arguments.items.clone(), arguments.rest.clone()),
            "from" => {
                let (known, rest) = self.elements_of(&arguments.get(0));
                let array = self.array(site, known, rest);
                if arguments.get(1) == Value::undefined() {
                    return array;
                }
                let items = arguments.items.get(1..).unwrap_or_default().to_vec();
                let inner = Arguments { items, rest: arguments.rest.clone() };
                self.call_member(&array, &Select::Name("map".into()), &inner, site)
            }
            _ => {
                self.give_back(name, arguments);
                Value::unknown().promise()
            }
        }
    }
}

/// A text of character codes.
fn characters(arguments: &Arguments) -> Value {
    if arguments.rest.is_some() {
        return Value::hole(Hole::Any);
    }
    let mut text = String::new();
    for value in &arguments.items {
        let Some(number) = value.one_number().filter(|number| number.fract() == 0.0 && (0.0..65536.0).contains(number))
        else {
            return Value::hole(Hole::Any);
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "its range was checked")]
        let code = number as u32;
        let Some(character) = char::from_u32(code) else { return Value::hole(Hole::Any) };
        text.push(character);
    }
    Value::text(&text)
}

#[cfg(test)]
mod tests {
    #[test]
    fn globals_are_in_order() {
        assert!(super::GLOBALS.is_sorted());
    }
}
