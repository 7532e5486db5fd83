//! Retention rules in a plan's header: the very text and the very images that the plan was made by.

use super::text::{Text, texts};
use crate::collect::keep_from::KeepFrom;
use crate::collect::options::Rules;
use crate::model::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The rules as they stand in the header.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRules {
    text: String,
    images: BTreeMap<String, Vec<Text<KeepFrom>>>,
    #[serde(deserialize_with = "time")]
    at: Option<Text<Timestamp>>,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text<Timestamp>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let time = Timestamp::parse_rfc3339(&text);
    time.map(|time| Some(Text(time))).ok_or_else(|| D::Error::custom(format!("`at` is {text:?}, which is no time")))
}

impl From<&Rules> for WrittenRules {
    fn from(rules: &Rules) -> Self {
        let Rules { text, images, at } = rules;
        let images = images.iter().map(|(file, images)| (file.clone(), texts(images)));
        Self { text: text.to_string(), images: images.collect(), at: at.map(Text) }
    }
}

impl WrittenRules {
    pub(super) fn into_rules(self) -> Rules {
        let values = |images: Vec<Text<KeepFrom>>| images.into_iter().map(|Text(image)| image).collect();
        let images = self.images.into_iter().map(|(file, images)| (file, values(images)));
        Rules { text: self.text.into(), images: images.collect(), at: self.at.map(|Text(at)| at) }
    }
}
