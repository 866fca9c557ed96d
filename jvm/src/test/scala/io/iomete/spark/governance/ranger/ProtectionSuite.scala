package io.iomete.spark.governance.ranger

import io.iomete.spark.governance.decisions.{Mask, MaskRule, RowFilterRule}

import BundleBuilder._

/** Masks, row filters, tags, and what administrators see. */
class ProtectionSuite extends EngineSuite {
  private val granted = people.policy(allow("select", "group:public", wholeTable("lake.crm.customers")))
  private val email = BundleBuilder.columns("lake.crm.customers", "email")
  private val table = tableOnly("lake.crm.customers")

  private def masked(maskType: String, value: String = null): Option[Mask] =
    read(granted.policy(mask(maskType, "alice", email, value)), "alice").masks.get("email").map(_.mask)

  private def filtered(predicate: String): Option[RowFilterRule] =
    read(granted.policy(filter(predicate, "alice", table)), "alice").filter

  test("each mask type becomes its mask") {
    assert(masked("MASK").contains(Mask.Redact))
    assert(masked("MASK_SHOW_LAST_4").contains(Mask.ShowLast(4)))
    assert(masked("MASK_SHOW_FIRST_4").contains(Mask.ShowFirst(4)))
    assert(masked("MASK_SHOW_LAST", "2").contains(Mask.ShowLast(2)))
    assert(masked("MASK_SHOW_FIRST", " 0 ").contains(Mask.ShowFirst(0)))
    assert(masked("MASK_HASH").contains(Mask.Hash))
    assert(masked("MASK_NULL").contains(Mask.Nullify))
    assert(masked("MASK_DATE_SHOW_YEAR").contains(Mask.Year))
    assert(masked("MASK_CONSTANT", "").contains(Mask.Constant("")))
    assert(masked("MASK_ROUND", "-3").contains(Mask.Round(-3)))
    assert(masked("CUSTOM", "left({col}, 1)").contains(Mask.Custom("left({col}, 1)")))
    assert(masked("MASK_NONE").isEmpty)
  }

  test("a mask names its policy and holds for those it is for") {
    val bundle = granted.policy(mask("MASK_HASH", "alice", email))
    assert(read(bundle, "alice").masks == Map("email" -> MaskRule("email", Mask.Hash, 101)))
    assert(read(bundle, "bob").masks.isEmpty)
    assert(!read(bundle, "alice").isUnrestricted(columns))
  }

  test("masks are keyed in lower case, whatever case was asked") {
    val decision = read(granted.policy(mask("MASK", "alice", email)), "alice", Seq("EMAIL"))
    assert(decision.masks.keySet == Set("email"))
  }

  test("a mask holds for a column without a grant, too: a view may lead there") {
    val bundle = people.policy(mask("MASK", "alice", email)).policy(
      allow("select", "alice", BundleBuilder.columns("lake.crm.customers", "id"))
    )
    val decision = read(bundle, "alice")
    assert(decision.visible == Set("id") && decision.masks.keySet == Set("email"))
  }

  test("MASK_NONE of a higher priority takes someone out of a mask") {
    val bundle = granted.policy(
      mask("MASK_HASH", "group:public", email),
      mask("MASK_NONE", "alice", email) + overriding
    )
    assert(read(bundle, "alice").masks.isEmpty)
    assert(read(bundle, "bob").masks.contains("email"))
  }

  test("items of a mask policy hold in their order") {
    val items = mask("MASK_NULL", "alice", email)("dataMaskPolicyItems").asInstanceOf[Seq[Any]] ++
      mask("MASK_HASH", "group:public", email)("dataMaskPolicyItems").asInstanceOf[Seq[Any]]
    val bundle = granted.policy(mask("MASK", "x", email) + ("dataMaskPolicyItems" -> items))
    assert(read(bundle, "alice").masks("email").mask == Mask.Nullify)
    assert(read(bundle, "bob").masks("email").mask == Mask.Hash)
  }

  test("a row filter is handed on as it is written") {
    val tricky = "name rlike '^[[:alpha:]]{2}$' AND tags[[0]] = '{x}' -- it's"
    assert(filtered(tricky).contains(RowFilterRule(tricky, 101)))
  }

  test("attributes of users become functions") {
    val expected = "region = user_attribute('region')"
    assert(filtered(s"region = ${ofUser("region")}").map(_.predicate).contains(expected))
    assert(filtered(s"region = '${ofUser("region")}'").map(_.predicate).contains(expected))
    assert(filtered("region = \"$" + "{{ USER.region }}\"").map(_.predicate).contains(expected))
  }

  test("the name of the user becomes current_user()") {
    val expected = "owner = current_user()"
    Seq(ofUser("_name"), s"'${ofUser("_name")}'", "{USER}", "'{USER}'").foreach { macro_ =>
      assert(filtered(s"owner = $macro_").map(_.predicate).contains(expected), macro_)
    }
  }

  test("attributes in custom masks become functions, too") {
    assert(masked("CUSTOM", s"if({col} = ${ofUser("region")}, {col}, NULL)")
      .contains(Mask.Custom("if({col} = user_attribute('region'), {col}, NULL)")))
  }

  test("an empty filter of a higher priority takes someone out of a filter") {
    val bundle = granted.policy(filter("1 = 0", "group:public", table), filter("", "alice", table) + overriding)
    assert(read(bundle, "alice").filter.isEmpty)
    assert(read(bundle, "bob").filter.map(_.predicate).contains("1 = 0"))
  }

  test("a question about no columns is answered by the filter, and by no rows without a right") {
    val bundle = people
      .policy(allow("select", "alice", email), filter("region = 'EU'", "alice", table))
    assert(read(bundle, "alice", Nil).filter.map(_.predicate).contains("region = 'EU'"))
    assert(read(bundle, "bob", Nil).filter.map(_.predicate).contains("false"))
    assert(read(bundle, "mallory", Nil).filter.map(_.predicate).contains("false"))
    assert(read(bundle, "root", Nil).isUnrestricted(Nil))
    assert(read(people.policy(allow("insert", "bob", wholeTable("lake.crm.customers"))), "bob", Nil).filter.isDefined)
    assert(!read(people.policy(allow("select", "alice", email), mask("X", "bob", email)), "alice", Nil).isUnrestricted(Nil))
  }

  test("a wide table: columns that nothing singles out share an answer, the others have theirs") {
    val wide = (1 to 200).map("c" + _) ++ Seq("email", "ssn", "tagged")
    val bundle = granted
      .policy(mask("MASK_HASH", "alice", named("lake", "crm", "customers", "c1?")))
      .policy(deny("select", "alice", BundleBuilder.columns("lake.crm.customers", "ssn")))
      .policy(mask("MASK_NULL", "alice", table + ("column" -> allBut("email", "c2"))))
      .tag(named("lake", "crm", "customers", "tagged"), "PII")
      .tagPolicy(tagMask("MASK", "PII"))
    val decision = read(bundle, "alice", wide)
    assert(decision.denied == Set("ssn") && decision.visible == wide.toSet - "ssn")
    assert(decision.masks.keySet == wide.toSet -- Set("email", "c2"))
    assert(decision.masks("tagged").mask == Mask.Redact && decision.masks("c150").mask == Mask.Nullify)
    val oneByOne = withEngine(bundle)(engine => wide.map(c => engine.read("alice", customers, Seq(c))))
    assert(oneByOne.flatMap(_.masks).toMap == decision.masks)
    assert(oneByOne.flatMap(_.denied).toSet == decision.denied)
  }

  test("an unrelated override does not undo a denial where a tag grants") {
    val bundle = people
      .tag(named("lake", "crm", "customers"), "OPEN")
      .tagPolicy(allow("iomete:select", "alice", tagged("OPEN")))
      .policy(allow("select", "bob", wholeTable("lake.crm.customers")) + overriding)
      .policy(deny("select", "alice", email))
    assert(read(bundle, "alice").visible == Set("id", "ssn"))
    assert(read(bundle, "bob").visible == columns.toSet)
  }

  test("attributes of users keep their kinds") {
    val bundle = people.user("dave", attributes = Map[String, Any]("a" -> "x", "n" -> 3, "f" -> 1.5, "b" -> true, "l" -> Seq(1, 2), "m" -> Seq[Any](1, 2.5)))
    withEngine(bundle) { engine =>
      assert(engine.attributes("dave") == Map[String, Any]("a" -> "x", "n" -> 3L, "f" -> 1.5, "b" -> true, "l" -> Seq(1L, 2L), "m" -> Seq(1.0, 2.5)))
      assert(engine.attributes("mallory").isEmpty && engine.attributes("off").isEmpty)
    }
  }

  // --- struct fields ---------------------------------------------------------------------------

  private val asked = Seq("id", "contact", "contact.email", "contact.phone.home")

  test("a mask on a struct field") {
    val field = BundleBuilder.columns("lake.crm.customers", "Contact.Phone.Home")
    val decision = read(granted.policy(mask("MASK", "alice", field)), "alice", asked)
    assert(decision.masks.keySet == Set("contact.phone.home"))
    assert(decision.visible == asked.toSet)
  }

  test("a struct field needs no grant of its own") {
    val bundle = people.policy(allow("select", "alice", BundleBuilder.columns("lake.crm.customers", "contact")))
    val decision = read(bundle, "alice", asked)
    assert(decision.visible == asked.tail.toSet && decision.denied.isEmpty && decision.masks.isEmpty)
  }

  test("a denied struct field is nullified") {
    val field = BundleBuilder.columns("lake.crm.customers", "contact.email")
    val decision = read(granted.policy(deny("select", "alice", field)), "alice", asked)
    assert(decision.masks == Map("contact.email" -> MaskRule("contact.email", Mask.Nullify, 101)))
    assert(decision.denied.isEmpty)
  }

  test("fields of a column that is not visible are not, either") {
    val bundle = people.policy(allow("select", "alice", BundleBuilder.columns("lake.crm.customers", "id", "contact.email")))
    assert(read(bundle, "alice", asked).visible == Set("id"))
  }

  test("a column with a dot in its name is a column where no other holds it") {
    val bundle = people.policy(allow("select", "alice", BundleBuilder.columns("lake.crm.customers", "odd.name")))
    assert(read(bundle, "alice", Seq("id", "odd.name")).visible == Set("odd.name"))
  }

  // --- tags ------------------------------------------------------------------------------------

  private val pii = granted.tag(named("lake", "crm", "customers", "Email"), "PII.EMAIL")

  private def tagMask(maskType: String, tag: String = "PII.EMAIL") =
    mask(s"iomete:$maskType", "group:public", tagged(tag), action = "iomete:select")

  test("a mask on a tag covers tagged columns") {
    val bundle = pii.tagPolicy(tagMask("MASK_HASH"))
    assert(read(bundle, "alice").masks == Map("email" -> MaskRule("email", Mask.Hash, 100)))
  }

  test("a mask on a family of tags") {
    assert(read(pii.tagPolicy(tagMask("MASK_HASH", "PII.*")), "alice").masks.keySet == Set("email"))
    assert(read(pii.tagPolicy(tagMask("MASK_HASH", "PII")), "alice").masks.isEmpty)
  }

  test("a tag on a table, namespace or catalog covers what is in it") {
    val policy = tagMask("MASK_NULL", "SECRET")
    Seq(named("lake", "crm", "customers"), named("lake", "crm"), named("lake")).foreach { resource =>
      assert(read(granted.tag(resource, "SECRET").tagPolicy(policy), "bob").masks.keySet == columns.toSet, resource)
    }
    assert(read(granted.tag(named("lake", "hr"), "SECRET").tagPolicy(policy), "bob").masks.isEmpty)
  }

  test("a tag on a namespace with a wild card covers nested ones") {
    val resource = Map("catalog" -> values("lake"), "namespace" -> values("c", "c*"))
    assert(read(granted.tag(resource, "SECRET").tagPolicy(tagMask("MASK", "SECRET")), "bob").masks.keySet == columns.toSet)
  }

  test("a denial by tag beats a grant on the table") {
    val bundle = pii.tagPolicy(deny("iomete:select", "group:public", tagged("PII.EMAIL")))
    assert(read(bundle, "alice").denied == Set("email"))
  }

  test("a grant by tag reaches tagged columns only, and makes the table known") {
    val bundle = people
      .tag(named("lake", "crm", "customers", "email"), "OPEN")
      .tagPolicy(allow("iomete:select", "alice", tagged("OPEN")))
    withEngine(bundle) { engine =>
      assert(engine.read("alice", customers, columns).visible == Set("email"))
      assert(engine.isKnown("alice", customers) && engine.isNamespaceKnown("alice", "lake", "crm"))
      assert(engine.isCatalogKnown("alice", "lake") && !engine.isKnown("bob", customers))
    }
  }

  test("a denial on the table beats a grant by tag") {
    val bundle = people
      .tag(named("lake", "crm", "customers"), "OPEN")
      .tagPolicy(allow("iomete:select", "alice", tagged("OPEN")))
      .policy(deny("select", "alice", email))
    assert(read(bundle, "alice").visible == Set("id", "ssn"))
  }

  test("a mask by tag goes before a mask on the column, unless that overrides") {
    val bundle = pii.tagPolicy(tagMask("MASK_HASH"))
    val normal = read(bundle.policy(mask("MASK_NULL", "alice", email)), "alice")
    assert(normal.masks("email") == MaskRule("email", Mask.Hash, 100))
    val override_ = read(bundle.policy(mask("MASK_NULL", "alice", email) + overriding), "alice")
    assert(override_.masks("email") == MaskRule("email", Mask.Nullify, 101))
  }

  test("a mask by tag holds beside an overriding grant by tag, where there are no policies but those of tags") {
    val bundle = people
      .tag(named("lake", "crm", "customers", "email"), "PII.EMAIL")
      .tagPolicy(allow("iomete:select", "alice", tagged("PII.EMAIL")) + overriding, tagMask("MASK_HASH"))
    val decision = read(bundle, "alice")
    assert(decision.visible == Set("email"))
    assert(decision.masks("email") == MaskRule("email", Mask.Hash, 101))
  }

  test("an overriding grant beats a denial by tag, also where another override excepts who asks") {
    val excepting = Map("allowExceptions" -> Seq(item("select", "alice")))
    val bundle = pii
      .tagPolicy(deny("iomete:select", "group:public", tagged("PII.EMAIL")))
      .policy(allow("select", "group:public", wholeTable("lake.crm.customers")) + overriding ++ excepting)
      .policy(allow("select", "alice", email) + overriding)
    assert(read(bundle, "alice").visible == columns.toSet)
    assert(read(bundle, "bob").visible == columns.toSet)
  }

  test("a row filter by tag covers tagged tables") {
    val bundle = granted
      .tag(named("lake", "crm"), "EU")
      .tagPolicy(filter("region = 'EU'", "alice", tagged("EU"), action = "iomete:select"))
    assert(read(bundle, "alice").filter.contains(RowFilterRule("region = 'EU'", 100)))
  }

  test("items of other services in a tag policy are passed over") {
    val items = Seq(item("hive:select", "group:public"), item("hive:select iomete:select", "bob"))
    val bundle = pii.tagPolicy(access(tagged("PII.EMAIL"), deny = items))
    assert(read(bundle, "bob").denied == Set("email"))
    assert(read(bundle, "alice").denied.isEmpty && read(bundle, "alice").broken.isEmpty)
  }

  // --- administrators --------------------------------------------------------------------------

  test("an administrator sees raw data whatever is denied, masked or filtered for everybody") {
    val bundle = pii
      .policy(deny("all", "group:public", wholeTable("lake.crm.customers")) + overriding)
      .policy(mask("MASK", "group:public", everything) + overriding)
      .policy(filter("1 = 0", "group:public", table) + overriding)
      .tagPolicy(deny("iomete:all", "group:public", tagged("*")) + overriding)
      .tagPolicy(tagMask("MASK", "*") + overriding)
    withEngine(bundle) { engine =>
      val decision = engine.read("root", customers, columns)
      assert(decision.isUnrestricted(columns) && decision.policies == Seq(1L))
      assert(engine.isAllowed("root", "drop", customers) && engine.isPathAllowed("root", "write", "s3://b/x"))
      assert(engine.isAdmin("root") && !engine.isAdmin("alice") && !engine.isAdmin("mallory"))
      assert(engine.read("alice", customers, columns).visible.isEmpty)
    }
  }

  test("a disabled administrator is none") {
    withEngine(people.user("root", enabled = false)) { engine =>
      assert(!engine.isAdmin("root") && engine.read("root", customers, columns).visible.isEmpty)
    }
  }
}
