//! One registry with every kind of content, and what must stay of it.

use std::collections::BTreeSet;

use anyhow::Result;

use super::client::Client;
use super::content::{
    Flavour, IndexForm, Pushed, cache_index, cosign_signature, deleted_image, helm_chart, image, index, moved_tag,
    nested_index, orphan_blob, referrer, shared_layer, unfinished_upload,
};

/// What [`everything`] pushed, sorted by what keeps it.
#[derive(Debug, Clone, Default)]
pub struct Everything {
    /// What has a tag.
    pub tagged: Vec<Pushed>,
    /// What has no tag, and is no part of anything that has one.
    pub untagged: Vec<Pushed>,
    /// Artifacts without a tag whose subject has one: regsweep keeps them, the registry's `--delete-untagged` does not.
    pub referrers: Vec<Pushed>,
    /// What was deleted through the API.
    pub deleted: Vec<Pushed>,
    /// Blobs that no manifest names.
    pub orphans: BTreeSet<String>,
    /// Uploads never finished: repository and uuid.
    pub uploads: Vec<(String, String)>,
}

impl Everything {
    /// The digests that must stay: with `delete_untagged` what tags and their referrers need, else what any manifest needs.
    pub fn kept(&self, delete_untagged: bool) -> BTreeSet<String> {
        let untagged = if delete_untagged { &[][..] } else { &self.untagged };
        self.tagged.iter().chain(&self.referrers).chain(untagged).flat_map(Pushed::needs).collect()
    }

    /// The digests that an offline run must remove, nothing being young.
    pub fn garbage(&self, delete_untagged: bool) -> BTreeSet<String> {
        let pushed = self.tagged.iter().chain(&self.referrers).chain(&self.untagged).chain(&self.deleted);
        let all: BTreeSet<_> = pushed.flat_map(Pushed::needs).chain(self.orphans.iter().cloned()).collect();
        all.difference(&self.kept(delete_untagged)).cloned().collect()
    }
}

/// Pushes every kind of content once, into the repositories `a`, `a/b`, `a-b` and `charts/app`.
pub async fn everything(client: &Client, seed: u64) -> Result<Everything> {
    let mut all = Everything::default();
    let at = |kind: u64| seed * 1_000_000 + kind * 1_000;

    let oci = image(client, "a", Some("oci"), Flavour::Oci, at(1)).await?;
    all.tagged.push(cosign_signature(client, &oci, at(2)).await?);
    all.referrers.push(referrer(client, &oci, at(3)).await?);
    all.tagged.push(oci);
    all.tagged.push(image(client, "a", Some("docker"), Flavour::Docker, at(4)).await?);
    all.tagged.push(index(client, "a", Some("index"), IndexForm::Oci, at(5)).await?);
    let list = index(client, "a/b", Some("list"), IndexForm::Docker, at(6)).await?;
    all.referrers.push(referrer(client, &list, at(7)).await?);
    all.tagged.push(list);
    all.tagged.push(nested_index(client, "a/b", Some("nested"), at(8)).await?);
    all.tagged.push(index(client, "a-b", Some("bare"), IndexForm::WithoutMediaType, at(9)).await?);
    all.tagged.push(cache_index(client, "a-b", Some("cache"), at(10)).await?);
    all.tagged.push(helm_chart(client, "charts/app", Some("0.1.0"), at(11)).await?);
    all.tagged.extend(shared_layer(client, "a", "a-b", "shared", at(12)).await?);

    let mut moved = moved_tag(client, "a/b", "latest", &[at(13), at(14), at(15)]).await?;
    all.tagged.extend(moved.pop());
    all.untagged.extend(moved);
    let unseen = index(client, "a", None, IndexForm::Oci, at(16)).await?;
    all.untagged.push(referrer(client, &unseen, at(17)).await?);
    all.untagged.push(unseen);

    all.deleted.push(deleted_image(client, "a", "gone", at(18)).await?);
    all.orphans.insert(orphan_blob(client, "a-b", at(19)).await?.digest);
    all.uploads.push(("a".to_owned(), unfinished_upload(client, "a", at(20)).await?));
    Ok(all)
}
